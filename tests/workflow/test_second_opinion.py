"""A study like MATH whose answers are judged by two graders."""

import json

import pandas as pd
import pytest
import yaml

from monkeys.storage import read_rows

SOLUTIONS = [r"So $x = \boxed{\frac{7}{2}}$.", r"It was \boxed{\text{Navin}}."]
ANSWERS = ["3.5", r"3\frac{1}{2}", r"3\frac{1}{2}", "4", r"\text{navin}", None]


@pytest.fixture
def study(checkout):
    """Six published samples of two problems; the graders differ on mixed numbers and capital letters."""
    (checkout.folder / "math").mkdir()
    rows = [{"problem": f"Problem {number}", "solution": solution} for number, solution in enumerate(SOLUTIONS)]
    (checkout.folder / "math/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = [
        "I give up" if answer is None else f"Final Answer: The final answer is ${answer}$. I hope it is correct."
        for answer in ANSWERS
    ]
    records = [{"question": "", "samples": texts, "is_corrects": [False] * 6, "orig_dset_idx": n} for n in range(2)]
    published = {**checkout.publish("MATH", records), "subsets": {"math": "MATH"}, "verify": True}
    task = {
        "base": "none",
        "dataset": "math",
        "columns": {"reference": "solution"},
        "prompt": "Problem:\n{{ problem }}\n\nSolution:",
        "verifier": "minerva",
        "second_opinion": True,
        "samples": 6,
        "shard_size": 3,
    }
    models = {"people": {"published": published, "tasks": ["math"]}}
    config = {"study": "two", "tasks": {"math": task}, "models": models}
    (checkout.folder / "mini.yaml").write_text(yaml.safe_dump(config))
    return checkout


def test_both_verdicts_are_kept_and_a_table_shows_where_they_differ(study):
    study.snakemake("results/tables/grader_disagreement.csv")
    rows = [row for path in study.results("verdicts/math/people/*") for row in read_rows(path)]
    ours = {(row["problem_id"], row["sample"]): row["outcome"] for row in rows}
    theirs = {(row["problem_id"], row["sample"]): row["second_opinion"] for row in rows}
    assert [ours["0", n] for n in range(6)] == ["correct", "wrong", "wrong", "wrong", "wrong", "no_answer"]
    assert [theirs["0", n] for n in range(6)] == ["correct", "correct", "correct", "wrong", "wrong", None]
    assert theirs["1", 4] == "correct"
    (table,) = pd.read_csv(study.folder / "results/tables/grader_disagreement.csv").to_dict("records")
    assert (table["first"], table["second"], table["samples"]) == ("minerva", "Math-Verify", 12)
    assert (table["both_correct"], table["first_only"], table["second_only"], table["neither"]) == (1, 0, 3, 8)
    first, second = table["examples"].split("; ")
    assert first.startswith(r"`3\frac{1}{2}` for `\frac{7}{2}` (problem 0, 2 ×) is correct for Math-Verify alone")
    assert second.startswith(r"`navin` for `\text{Navin}` (problem 1, 1 ×)")
    assert study.plan("results/tables/grader_disagreement.csv") == {}
    study.change(tasks__math__second_opinion=False)
    jobs = study.plan()
    assert jobs["verify"] == 2
    assert not jobs["table result=grader_disagreement"] and not jobs["import_samples"]
