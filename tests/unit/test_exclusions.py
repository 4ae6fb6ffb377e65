import re

import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.coverage import coverage
from monkeys.analysis.exclusions import (
    audit_table,
    coverage_with_and_without,
    draw_audit,
    drop_problems,
    rejected_solutions,
)

EDGES = (0.0, 0.10, 0.25, 0.75, 1.0)
PAPER = (EDGES, (15, 30, 30, 30))
"""Solve-rate bins and number of samples graded per bin, in Table 2 of the paper."""


@pytest.fixture
def tally():
    return pd.DataFrame({"problem_id": ["a", "b", "c", "d"], "samples": [10, 10, 10, 8], "correct": [0, 1, 5, 8]})


def test_problems_are_dropped_by_id(tally):
    assert drop_problems(tally, ["b", "d"])["problem_id"].tolist() == ["a", "c"]
    assert drop_problems(tally, []).equals(tally)


def test_unknown_problems_are_an_error_that_names_them(tally):
    with pytest.raises(ValueError, match="no problem x, y in the tally"):
        drop_problems(tally, ["y", "a", "x"])


def test_coverage_is_computed_with_and_without_the_excluded_problems(tally):
    table = coverage_with_and_without(tally, ["a", "d"], [1, 8, 10])
    assert table["problems_all"].tolist() == [4] * 3 and table["problems_kept"].tolist() == [2] * 3
    np.testing.assert_allclose(table["coverage_all"], coverage(tally["samples"], tally["correct"], [1, 8, 10]))
    assert np.isnan(table["coverage_all"][2])  # d has 8 samples
    np.testing.assert_allclose(table["coverage_kept"], coverage([10, 10], [1, 5], [1, 8, 10]))


def test_coverage_is_missing_if_every_problem_is_excluded(tally):
    assert coverage_with_and_without(tally, list("abcd"), [1])["coverage_kept"].isna().all()


def study(rates, samples=40):
    """Verdicts, samples and problems with these solve rates."""
    rows = [
        (f"p{i:03}", n, "correct" if n < rate * samples else "wrong")
        for i, rate in enumerate(rates)
        for n in range(samples)
    ]
    verdicts = pd.DataFrame(rows, columns=["problem_id", "sample", "outcome"])
    texts = verdicts[["problem_id", "sample"]].assign(text=[f"{p} because {n}" for p, n, _ in rows])
    problems = pd.DataFrame({"problem_id": verdicts["problem_id"].unique()})
    problems = problems.assign(question="why " + problems["problem_id"], reference="42")
    return texts, verdicts.astype({"problem_id": "category", "outcome": "category"}), problems


def test_drawn_samples_are_spread_over_the_problems_of_a_bin_as_in_table_2():
    # Brown et al. 2024, Table 2: 5, 10, 29 and 84 problems
    rates = [0.075] * 5 + [0.2] * 10 + [0.5] * 29 + [0.9] * 84
    table = draw_audit(*study(rates), *PAPER)
    by_bin = table.groupby("bin", sort=False)
    assert by_bin["problems"].first().to_dict() == {"0–10 %": 5, "10–25 %": 10, "25–75 %": 29, "75–100 %": 84}
    assert by_bin.size().tolist() == [15, 30, 30, 30]
    per_problem = [group["problem_id"].value_counts() for _, group in by_bin]
    assert [sorted(counts.unique()) for counts in per_problem] == [[3], [3], [1, 2], [1]]


def test_only_correct_samples_are_drawn_each_once_with_its_own_text():
    texts, verdicts, problems = study([0.1, 0.5, 1.0])
    table = draw_audit(texts, verdicts, problems, bins=(0, 0.75, 1), per_bin=(10, 3))
    assert not table.duplicated(["problem_id", "sample"]).any()
    assert (table["text"] == [f"{row.problem_id} because {row.sample}" for row in table.itertuples()]).all()
    assert (table["question"] == "why " + table["problem_id"]).all() and (table["grade"] == "").all()
    right = verdicts[verdicts["outcome"] == "correct"].astype(str)
    drawn = table[["problem_id", "sample"]].astype(str)
    assert len(drawn.merge(right, on=["problem_id", "sample"])) == len(drawn) == 13
    assert table["solve_rate"].tolist() == [0.1] * 4 + [0.5] * 6 + [1.0] * 3  # the first problem has only 4


def test_a_bin_with_too_few_correct_samples_gives_all_it_has():
    table = draw_audit(*study([0.05, 0.0]), bins=(0, 1), per_bin=(15,))
    assert table["sample"].tolist() == [0, 1]
    assert table["problems"].tolist() == [1, 1]


def test_solve_rates_on_an_edge_fall_into_the_upper_bin_and_1_into_the_last():
    table = draw_audit(*study([0.05, 0.1, 0.25, 0.75, 1.0]), bins=EDGES, per_bin=(1, 1, 1, 1))
    by_bin = table.groupby("bin", sort=False)["problems"].first()
    assert by_bin.to_dict() == {"0–10 %": 1, "10–25 %": 1, "25–75 %": 1, "75–100 %": 2}


def test_verifier_errors_do_not_count_towards_solve_rates():
    texts, verdicts, problems = study([0.5], samples=4)
    verdicts["outcome"] = ["correct", "verifier_error", "verifier_error", "verifier_error"]
    assert draw_audit(texts, verdicts, problems, *PAPER)["solve_rate"].tolist() == [1.0]


def test_the_draw_is_reproducible_with_its_seed():
    made = study([0.5] * 30)
    first, again, other = (draw_audit(*made, *PAPER, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_every_bin_needs_a_number_of_samples():
    with pytest.raises(ValueError, match="4 bins, but 1 numbers"):
        draw_audit(*study([0.5]), bins=EDGES, per_bin=(30,))


def test_grades_are_counted_by_bin(tmp_path):
    table = draw_audit(*study([0.05, 0.9, 0.9]), bins=EDGES, per_bin=(2, 1, 1, 3))
    table["grade"] = ["incorrect", "wrong_gold", "correct", "correct", "incorrect"]
    table.to_csv(tmp_path / "graded.csv", index=False)  # people use a spreadsheet
    counted = audit_table(pd.read_csv(tmp_path / "graded.csv"))
    assert counted.to_dict("list") == {
        "bin": ["0–10 %", "75–100 %"],
        "problems": [1, 2],
        "graded": [2, 3],
        "correct": [0, 2],
        "incorrect": [1, 1],
        "wrong_gold": [1, 0],
    }


def test_table_2_of_the_paper_is_reproduced():
    # Brown et al. 2024: of 102 samples with a valid reference 96 are right
    grades = {"0–10 %": (5, 11, 1, 3), "10–25 %": (10, 27, 3, 0), "25–75 %": (29, 28, 2, 0), "75–100 %": (84, 30, 0, 0)}
    rows = [
        (name, problems, "p", 0, grade)
        for name, (problems, *counts) in grades.items()
        for grade, count in zip(("correct", "incorrect", "wrong_gold"), counts, strict=True)
        for _ in range(count)
    ]
    table = audit_table(pd.DataFrame(rows, columns=["bin", "problems", "problem_id", "sample", "grade"]))
    assert table.drop(columns=["bin", "graded"]).to_numpy().tolist() == [list(counts) for counts in grades.values()]
    assert table["correct"].sum() == 96 and (table["graded"] - table["wrong_gold"]).sum() == 102


def test_rows_with_unknown_grades_are_named_in_the_error():
    graded = pd.DataFrame(
        {
            "bin": "0–10 %",
            "problems": 1,
            "problem_id": ["a", "b", "c"],
            "sample": [1, 2, 3],
            "grade": ["correct", "yes", None],
        }
    )
    with pytest.raises(ValueError, match=re.escape("b sample 2 ('yes'), c sample 3 (None)")):
        audit_table(graded)


def test_problems_whose_tests_reject_known_solutions_are_listed_with_outcomes():
    outcomes = {"a": ["correct", "correct"], "b": ["correct", "wrong", "timeout"], "c": ["wrong", "verifier_error"]}
    rows = [(problem, outcome) for problem, found in outcomes.items() for outcome in found]
    table = rejected_solutions(pd.DataFrame(rows, columns=["problem_id", "outcome"]))
    assert table.to_dict("records") == [
        {"problem_id": "b", "problems": 3, "solutions": 3, "rejected": 2, "timeout": 1, "wrong": 1},
        {"problem_id": "c", "problems": 3, "solutions": 1, "rejected": 1, "timeout": 0, "wrong": 1},
    ]


def test_no_rejected_solutions_give_an_empty_table():
    assert rejected_solutions(pd.DataFrame({"problem_id": ["a"], "outcome": ["correct"]})).empty
