import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.coverage import coverage_curve, log_grid, round_grid
from monkeys.analysis.tables import collect, coverage_table, headline, write_table
from monkeys.figures import coverage, power_law, style


@pytest.fixture
def curves():
    parts = []
    for task, model, correct in (("t", "small", [0, 3, 9]), ("t", "large", [5, 50, 99]), ("u", "small", [0, 0, 0])):
        tally = pd.DataFrame({"samples": 100, "correct": correct})
        part = coverage_curve(tally, np.union1d(log_grid(100), round_grid(100)), 100, 0.95, 0)
        parts.append(part.assign(task=task, model=model))
    return pd.concat(parts, ignore_index=True)


def test_files_of_pairs_are_collected_with_their_names(tmp_path):
    for name in "ab":
        pd.DataFrame({"k": [1], "coverage": [0.5]}).to_csv(tmp_path / f"{name}.csv", index=False)
    table = collect([("t", "m"), ("t", "n")], [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")])
    assert table.to_dict("list") == {"task": ["t"] * 2, "model": ["m", "n"], "k": [1, 1], "coverage": [0.5] * 2}


def test_the_coverage_table_holds_round_k_and_the_largest(curves):
    table = coverage_table(curves)
    assert table[table["model"] == "large"]["k"].tolist() == [1, 2, 5, 10, 20, 50, 100]
    assert len(table) == 21


def test_the_headline_has_one_row_per_task_and_model(curves):
    table = headline(coverage_table(curves))
    assert table[["task", "model"]].to_numpy().tolist() == [["t", "small"], ["t", "large"], ["u", "small"]]
    assert list(table) == ["task", "model", "coverage@1", "coverage@10", "largest k", "coverage@largest"]
    assert table["coverage@1"].tolist() == ["0.040", "0.513", "0.000"]


def test_a_table_is_written_for_programs_and_for_people(tmp_path, curves):
    write_table(curves, tmp_path / "t.csv", tmp_path / "t.md")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), curves)
    assert (tmp_path / "t.md").read_text().startswith("|")


def test_the_coverage_figure_has_a_panel_per_task_and_a_line_per_model(curves):
    figure = coverage.draw(curves)
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("t", "u")
    assert [line.get_label() for line in first.lines] == ["small", "large"]
    large = curves[(curves["task"] == "t") & (curves["model"] == "large")]
    np.testing.assert_array_equal(first.lines[1].get_xdata(), large["k"])
    np.testing.assert_array_equal(first.lines[1].get_ydata(), large["coverage"])
    assert first.get_xscale() == "log"
    assert len(first.collections) == 2  # the bands


def test_a_model_has_the_same_colour_in_every_panel(curves):
    first, second = coverage.draw(curves).axes
    assert first.lines[0].get_color() == second.lines[0].get_color() != first.lines[1].get_color()


def test_the_power_law_figure_has_the_fit_on_top_and_says_where_there_is_none(curves):
    fits = pd.DataFrame(
        {
            "task": ["t", "t", "u"],
            "model": ["small", "large", "small"],
            "a": [-2.0, -1.0, np.nan],
            "b": [-0.5, -0.25, np.nan],
            "error_mean": [0.01, 0.02, np.nan],
            "error_sd": [0.001, 0.002, np.nan],
        }
    )
    panels = power_law.draw(curves, fits).axes
    measured, fit = panels[0].lines
    np.testing.assert_allclose(fit.get_ydata(), np.exp(-2.0 * measured.get_xdata() ** -0.5))
    assert "a = -2.00, b = -0.50, error 0.0100 ± 0.0010" in panels[0].get_title()
    assert "no fit" in panels[2].get_title()
    assert len(panels[2].lines) == 1


def test_a_figure_is_written_in_each_format_and_does_not_change_with_time(tmp_path, curves):
    contents = []
    for attempt in range(2):
        paths = [tmp_path / f"{attempt}.pdf", tmp_path / f"{attempt}.png"]
        style.save(coverage.draw(curves), map(str, paths))
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
    assert contents[0][0].startswith(b"%PDF") and contents[0][1].startswith(b"\x89PNG")
