"""The worked example of docs/verifiers.md, run unchanged: a custom verifier in one module."""

import json
import re

import pandas as pd
import pytest
import yaml


@pytest.fixture
def exam(checkout, root):
    """A study of published samples with the documented verifier and task."""
    page = (root / "docs/verifiers.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (task,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    folder = checkout.folder
    (folder / "workflow/scripts/monkeys/verification/verifiers/letter.py").write_text(code)
    (folder / "exam").mkdir()
    rows = [{"id": f"q{n}", "question": f"Question {n}?", "letter": letter} for n, letter in enumerate("AB")]
    (folder / "exam/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = ["The answer is (A)", "The answer is (A), no, the answer is (B)", "the answer is C.", "no idea"]
    records = [
        {"question": "", "samples": texts, "is_corrects": [False] * 4, "orig_dset_idx": row["id"]} for row in rows
    ]
    published = {**checkout.publish("EXAM", records), "subsets": {"exam": "EXAM"}, "verify": True}
    models = {"people": {"published": published, "tasks": ["exam"]}}
    (folder / "mini.yaml").write_text(yaml.safe_dump({"study": "exam", **yaml.safe_load(task), "models": models}))
    return checkout


def test_a_custom_verifier_is_one_module(exam):
    exam.snakemake("tallies")
    tally = pd.read_parquet(exam.folder / "results/tallies/exam/people.parquet").set_index("problem_id")
    assert tally[["correct", "wrong", "no_answer"]].loc["q0"].tolist() == [1, 2, 1]
    assert tally[["correct", "wrong", "no_answer"]].loc["q1"].tolist() == [1, 2, 1]


def test_only_a_higher_version_triggers_verification(exam):
    exam.snakemake("tallies")
    file = exam.folder / "workflow/scripts/monkeys/verification/verifiers/letter.py"
    file.write_text(file.read_text() + "\n# edited\n")
    assert exam.plan("tallies") == {}
    # changes the length: cached bytecode counts as current if length and time (in seconds) match
    file.write_text(file.read_text().replace("version = 1", "version = 20"))
    jobs = exam.plan("tallies")
    assert jobs["verify"] == 1
    assert jobs["import_samples"] == jobs["problems"] == 0


def test_options_are_checked_and_trigger_verification(exam):
    exam.snakemake("tallies")
    jobs = exam.plan("tallies", tasks__exam__verifier_options={"first": True})
    assert (jobs["verify"], jobs["import_samples"]) == (1, 0)
    exam.snakemake("tallies")
    tally = pd.read_parquet(exam.folder / "results/tallies/exam/people.parquet").set_index("problem_id")
    assert tally["correct"].to_dict() == {"q0": 2, "q1": 0}
    exam.change(tasks__exam__verifier_options={"first": "yes", "last": 1})
    output = exam.snakemake("tallies", succeeds=False)
    assert "tasks.exam.verifier_options: unknown key 'last'; allowed: first" in output
    assert "tasks.exam.verifier_options.first: input should be a valid boolean, and is 'yes'" in output


def test_a_reference_that_cannot_be_verified_stops_the_run_before_sampling(exam):
    (exam.folder / "exam/test.jsonl").write_text('{"id": "q0", "question": "?", "letter": "yes"}\n')
    output = exam.snakemake(succeeds=False)
    assert "problem q0 cannot be verified by letter: its reference must be a letter from A to Z, not 'yes'" in output
