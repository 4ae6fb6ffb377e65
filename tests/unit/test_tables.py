import csv
import io

import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.coverage import log_grid, round_grid
from monkeys.analysis.intervals import coverage_curve
from monkeys.analysis.tables import at_round_ks, csv_text, headline, read_tallies, write_table
from monkeys.analysis.tally import write_tally


@pytest.fixture
def curves():
    parts = []
    for task, model, correct in (("t", "small", [0, 3, 9]), ("t", "large", [5, 50, 99]), ("u", "small", [0, 0, 0])):
        tally = pd.DataFrame({"samples": 100, "correct": correct})
        part = coverage_curve(tally, np.union1d(log_grid(100), round_grid(100)), "problems", 100, 0.95, 0)
        parts.append(part.assign(task=task, model=model))
    return pd.concat(parts, ignore_index=True)


def test_the_coverage_table_has_round_k_and_the_largest(curves):
    table = at_round_ks(curves)
    assert table[table["model"] == "large"]["k"].tolist() == [1, 2, 5, 10, 20, 50, 100]
    assert len(table) == 21


def test_the_headline_has_one_row_per_task_and_model(curves):
    table = headline(at_round_ks(curves))
    assert table[["task", "model"]].to_numpy().tolist() == [["t", "small"], ["t", "large"], ["u", "small"]]
    assert list(table) == ["task", "model", "coverage@1", "coverage@10", "largest k", "coverage@largest"]
    assert table["coverage@1"].tolist() == ["0.040", "0.513", "0.000"]


def test_the_headline_of_a_model_with_one_sample_has_coverage_at_1(curves):
    once = (curves["model"] != "large") | (curves["k"] == 1)
    row = headline(curves[once]).set_index("model").loc["large"]
    assert (row["coverage@1"], row["coverage@10"], row["largest k"], row["coverage@largest"]) == (
        "0.513",
        "",
        1,
        "0.513",
    )


def test_a_table_is_written_as_csv_and_as_markdown(tmp_path, curves):
    write_table(curves, tmp_path / "t.csv", tmp_path / "t.md")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), curves)
    assert (tmp_path / "t.md").read_text().startswith("|")


@pytest.mark.parametrize(
    "given", [{}, {"markdown_table": pd.DataFrame({"text": ["a", None], "number": [np.nan, 1.5]})}]
)
def test_missing_values_are_blank_in_markdown(tmp_path, given):
    write_table(
        pd.DataFrame({"text": ["a", None], "number": [np.nan, 1.5]}), tmp_path / "t.csv", tmp_path / "t.md", **given
    )
    _, _, *rows = (tmp_path / "t.md").read_text().splitlines()
    assert [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows] == [["a", ""], ["", "1.5"]]


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+cmd", "-1+1", "@SUM(A1)", "\t=1", "\n=1", "-x", "=1", "@1"])
def test_text_in_a_csv_file_is_never_a_spreadsheet_formula(text):
    for column in (pd.Series([text]), pd.Series([text], dtype="string"), pd.Series([text], dtype="category")):
        rows = list(csv.reader(io.StringIO(csv_text(pd.DataFrame({"problem_id": column})), newline="")))
        assert rows == [["problem_id"], [f"'{text}"]]


def test_a_lone_carriage_return_does_not_end_a_csv_row():
    table = pd.DataFrame({"text": ["a\r=b", "a\r\nb"]})
    assert list(csv.reader(io.StringIO(csv_text(table), newline=""))) == [["text"], ["a\n=b"], ["a\nb"]]


def test_numbers_and_harmless_text_are_written_to_csv_unchanged():
    texts = ["-5", "+.5", "-1,000", "-1e-05", "-20%", "a=b", "'", "", "test/1"]
    table = pd.DataFrame({"answer": texts, "gain": -0.5})
    assert csv_text(table) == table.to_csv(index=False)


def test_problems_without_a_verified_sample_are_dropped_and_reported(tmp_path, capsys):
    tally = pd.DataFrame({"problem_id": ["a", "b"], "samples": [0, 4], "correct": [0, 1]})
    path = str(tmp_path / "m.parquet")
    write_tally(tally, "t", "m", path)
    tallies = read_tallies([path])
    assert tallies["t", "m"]["problem_id"].tolist() == ["b"]
    assert "WARNING t m: 1 of 2 problems have no verified sample" in capsys.readouterr().out
    write_tally(tally.assign(samples=0, correct=0), "t", "m", path)
    with pytest.raises(ValueError, match=r"m\.parquet: no problem has a verified sample"):
        read_tallies([path])


def test_undefined_values_are_nan_in_csv_and_blank_in_markdown(tmp_path):
    table = pd.DataFrame(
        {"selector": ["majority", "best_of_n"], "reward": [None, "logprob"], "accuracy": [0.123456, np.nan]}
    )
    write_table(table, tmp_path / "t.csv", tmp_path / "t.md")
    assert "nan" not in (tmp_path / "t.md").read_text()
    assert "0.1235" in (tmp_path / "t.md").read_text()
    assert pd.read_csv(tmp_path / "t.csv")["accuracy"][0] == 0.123456
