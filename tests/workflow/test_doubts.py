"""Optional checks of verdicts: audits, flagged problems and known solutions."""

import json

import pandas as pd


def test_samples_are_drawn_for_manual_grading_and_grades_become_a_table(finished):
    finished.snakemake("results/audit/arithmetic/medium.csv")
    drawn = pd.read_csv(finished.folder / "results/audit/arithmetic/medium.csv", keep_default_na=False)
    assert (drawn["grade"] == "").all()
    assert drawn["solve_rate"].between(0, 1, inclusive="right").all()
    assert drawn["text"].str.contains("####").all()
    finished.change(analysis={"audit": {"graded": {"arithmetic": {"medium": "graded.csv"}}}})
    drawn.to_csv(finished.folder / "graded.csv", index=False)
    output = finished.snakemake("results/tables/cot_audit.csv", succeeds=False)
    assert "grade must be one of correct, incorrect, wrong_gold" in output
    grades = ["incorrect"] + ["correct"] * (len(drawn) - 1)
    drawn.assign(grade=grades).to_csv(finished.folder / "graded.csv", index=False)
    finished.snakemake("results/tables/cot_audit.csv")
    table = pd.read_csv(finished.folder / "results/tables/cot_audit.csv")
    assert table[["graded", "correct", "incorrect"]].sum().tolist() == [len(drawn), len(drawn) - 1, 1]
    assert (table["task"] == "arithmetic").all() and (table["model"] == "medium").all()


def test_coverage_is_computed_with_and_without_flagged_problems(finished):
    rates = pd.read_csv(finished.folder / "results/curves/solve_rates.csv")
    small = rates[(rates["task"] == "arithmetic") & (rates["model"] == "small")].set_index("problem_id")
    solved = small["correct"].idxmax()
    jobs = finished.plan(tasks__arithmetic__flagged={"flaky": [solved]})
    for rule in ("curves", "table", "figure"):
        assert jobs[f"{rule} result=flagged"] == 1
    assert not jobs["sample"] and not jobs["verify"]
    finished.snakemake("results/tables/flagged.csv", "results/figures/flagged.pdf")
    table = pd.read_csv(finished.folder / "results/tables/flagged.csv")
    row = table[table["model"] == "small"].iloc[-1]
    assert row["problems_all"] == row["problems_kept"] + 1 == 10
    assert row["coverage_kept"] < row["coverage_all"]
    assert (finished.folder / "results/figures/flagged.pdf").stat().st_size > 1000


CASES = {"input": ["1 2\n", "2 2\n"], "output": ["3\n", "4\n"]}
NONE = {"input": [], "output": []}
PROGRAMS = {
    "adds": "print(sum(map(int, input().split())))",
    "multiplies": "a, b = map(int, input().split()); print(a * b)",
}


def contest(programs):
    return {
        "name": "1_A",
        "description": "Add two numbers.",
        "public_tests": CASES,
        "private_tests": NONE,
        "generated_tests": NONE,
        "time_limit": {"seconds": 1, "nanos": 0},
        "solutions": {"language": [3] * len(programs), "solution": [PROGRAMS[name] for name in programs]},
    }


def test_problems_whose_tests_reject_known_solutions_are_listed(checkout):
    folder = checkout.folder / "contests"
    folder.mkdir()
    splits = {"test": [contest(["adds"]), contest(["adds", "multiplies"])], "train": [contest(["adds"])] * 4}
    for split, rows in splits.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {"dataset": "contests", "revision": None, "problems": "all", "samples": 16, "shard_size": 16}
    small = checkout.study()["models"]["small"] | {"tasks": ["code_contests"]}
    checkout.change(tasks={"code_contests": task}, models={"small": small})
    checkout.snakemake("results/tables/rejected_solutions.csv")
    (row,) = pd.read_csv(checkout.folder / "results/tables/rejected_solutions.csv").to_dict("records")
    counts = {"problem_id": 1, "problems": 2, "solutions": 2, "rejected": 1, "wrong": 1}
    assert list(row.items()) == [("task", "code_contests"), *counts.items()]


def test_a_study_without_known_solutions_says_so(finished):
    output = finished.snakemake("results/tables/rejected_solutions.csv", succeeds=False)
    assert "no task of this study has known solutions" in output
