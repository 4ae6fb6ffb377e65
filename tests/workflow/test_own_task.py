"""The worked example of docs/tasks.md, run unchanged: a task defined by config alone."""

import json
import re

import pandas as pd
import pytest
import yaml

CAPITALS = {
    "test": {"France": "Paris", "Peru": "Lima", "Chad": "N'Djamena"},
    "train": {"Cuba": "Havana", "Mali": "Bamako"},
}


@pytest.fixture
def capitals(checkout, root):
    """A study of the documented task with one demo model."""
    (task,) = re.findall(r"```yaml\n(.*?)```", (root / "docs/tasks.md").read_text(), re.DOTALL)
    folder = checkout.folder / "capitals"
    folder.mkdir()
    for split, capitals in CAPITALS.items():
        rows = [{"name": country.lower(), "country": country, "capital": city} for country, city in capitals.items()]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = {"small": {**checkout.study()["models"]["small"], "tasks": ["capitals"]}}
    study = {"study": "capitals", **yaml.safe_load(task), "models": models}
    (checkout.folder / "mini.yaml").write_text(yaml.safe_dump(study))
    return checkout


def test_a_custom_task_is_sampled_and_verified(capitals):
    capitals.snakemake("tallies")
    tally = pd.read_parquet(capitals.folder / "results/tallies/capitals/small.parquet")
    assert tally["problem_id"].tolist() == ["chad", "france", "peru"]
    assert (tally["samples"] == 32).all()
    problems = pd.read_parquet(capitals.folder / "results/problems/capitals.parquet").set_index("problem_id")
    question = "The capital of {} has how many letters?\n"
    examples = {question.format("Cuba") + "Havana: #### 6\n", question.format("Mali") + "Bamako: #### 6\n"}
    first, second, last = re.findall(r"The capital.*\n(?:.*####.*\n)?", problems.loc["peru", "prompt"])
    assert ({first, second}, last) == (examples, question.format("Peru"))
    assert problems.loc["chad", "reference"] == "N'Djamena #### 9"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "{{ capital }}"}, r"tasks\.capitals: problem france cannot be verified by gsm8k: .*#### answer"),
        (
            {"question": "{{ town }}"},
            r"tasks\.capitals\.question: 'town' is undefined; the dataset has the columns name, country, capital",
        ),
        (
            {"examples": {"split": "dev"}},
            r"tasks\.capitals: dataset capitals, split dev: Bad split: dev. Available splits: ",
        ),
        (
            {"verifier": "lean", "reference": "theorem one : 1 = 1 := sorry"},
            r"verification\.lean\.project is not set: .*docs/lean\.md",
        ),
        ({"few_shot": 3}, r"tasks\.capitals\.few_shot: 3 examples requested, but there are only 2"),
    ],
)
def test_mistakes_in_a_custom_task_stop_the_run_before_sampling(capitals, changes, message):
    capitals.change(**{f"tasks__capitals__{key}": value for key, value in changes.items()})
    output = capitals.snakemake(succeeds=False)
    assert re.search(message, output), output
    assert "Samples:" not in output
