"""The worked example of CONTRIBUTING.md, run unchanged: a custom source in one module."""

import json
import re

import pandas as pd
import pytest
import yaml


@pytest.fixture
def study(checkout, root):
    """A study with the documented source, which reads samples from a file."""
    page = (root / "CONTRIBUTING.md").read_text()
    module = re.search(r"## Add a source\n.*?```python\n(.*?)```", page, re.DOTALL)[1]
    (checkout.folder / "workflow/scripts/monkeys/sources/jsonl.py").write_text(module)
    samples = [{"problem_id": f"p{n % 3}", "text": f"text {n}", "correct": n < 3} for n in range(12)]
    (checkout.folder / "samples.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    models = {"logged": {"jsonl": {"file": "samples.jsonl"}, "tasks": ["sums"]}}
    config = {"study": "logs", "tasks": {"sums": {"samples": 4, "shard_size": 2}}, "models": models}
    (checkout.folder / "mini.yaml").write_text(yaml.safe_dump(config))
    return checkout


def test_a_custom_source_is_one_module(study):
    study.snakemake("tallies", "results/figures/coverage.pdf", "results/overview.rst")
    tally = pd.read_parquet(study.folder / "results/tallies/sums/logged.parquet")
    assert tally[["problem_id", "samples", "correct"]].to_numpy().tolist() == [[f"p{n}", 4, 1] for n in range(3)]
    assert (study.folder / "results/figures/coverage.pdf").stat().st_size > 1000
    overview = (study.folder / "results/overview.rst").read_text()
    assert "jsonl" in overview and "with published samples, verified by others" in overview.replace("\\", "")


def test_keys_of_a_custom_source_are_checked_like_any_other(study):
    text = (study.folder / "mini.yaml").read_text()
    (study.folder / "mini.yaml").write_text(text.replace("file: samples.jsonl", "fil: samples.jsonl"))
    output = study.snakemake(succeeds=False)
    assert "models.logged.jsonl: unknown key 'fil'; did you mean 'file'?" in output
    assert "models.logged.jsonl: missing file" in output
    (study.folder / "mini.yaml").write_text(text.replace("samples.jsonl", "none.jsonl"))
    assert "models.logged.jsonl.file: no file none.jsonl" in study.snakemake(succeeds=False)
