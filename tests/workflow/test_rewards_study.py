"""Adding a reward model to a complete study."""

import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from monkeys.storage import read_provenance, read_rows

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
REWARDS = yaml.safe_load(re.search(r"## Add a reward\n.*?```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
"""The worked example of CONTRIBUTING.md."""


SELECTION = "results/tables/selection.csv"


@pytest.fixture(scope="module")
def scored_study(finished_study, tmp_path_factory):
    """The finished study after adding a reward model and scoring all samples."""
    study = finished_study.copy(tmp_path_factory.mktemp("scored") / "checkout")
    study.change(rewards=REWARDS)
    study.snakemake(SELECTION)
    return study


@pytest.fixture
def scored(scored_study, tmp_path):
    """A copy of the scored study that a test may change."""
    return scored_study.copy(tmp_path / "checkout")


def test_adding_a_reward_model_runs_only_scoring_and_selection(finished):
    jobs = finished.plan(rewards=REWARDS)
    assert {name: count for name, count in jobs.items() if " " not in name} == {
        "fetch_reward": 1,
        "score": 2,
        "selection": 1,
        "table": 2,
        "figure": 3,
    }


def test_every_sample_has_a_reward_and_its_selectors_are_in_the_table(scored):
    for path in scored.results("rewards/arithmetic/*/judge/*.parquet"):
        samples = str(path).replace("/rewards/", "/samples/").replace("/judge/", "/")
        rows = list(read_rows(path))
        assert [row["sample"] for row in rows] == pq.read_table(samples)["sample"].to_pylist()
        assert len({row["reward"] for row in rows}) > 10
        assert read_provenance(path)["settings"]["about"] == "prompt"
    assert len(scored.results("rewards/arithmetic/*/judge/*.parquet")) == 2
    table = pd.read_csv(scored.folder / "results/tables/selection.csv")
    judged = table[table["reward"] == "judge"]
    assert set(zip(judged["task"], judged["model"], strict=True)) == {("arithmetic", "small")}
    assert judged["accuracy"].between(0, 1).all()
    assert judged["selector"].nunique() == 2  # best of N, and the vote weighted by rewards


def test_a_scored_study_is_complete_and_more_samples_score_only_new_shards(scored):
    assert scored.plan(SELECTION) == {}
    assert not scored.results(".journal/**/*.jsonl")
    jobs = scored.plan(tasks__arithmetic__samples=48)
    assert (jobs["sample"], jobs["verify"], jobs["score"]) == (2, 2, 1)
    scored.change(tasks__arithmetic__samples=32)
    execution = {"judge": REWARDS["judge"] | {"dtype": "bfloat16", "batch_tokens": 4096}}
    assert not scored.plan(rewards=execution)["score"]
    assert scored.plan(rewards={"judge": REWARDS["judge"] | {"context": "question"}})["score"] == 2


def test_a_failed_scoring_job_requests_more_memory_and_time_when_retried(finished):
    broken = finished.folder / "resources/demo/marmoset-reward/model.safetensors"
    broken.write_bytes(broken.read_bytes()[:1000])
    finished.change(rewards=REWARDS)
    score = "results/rewards/arithmetic/small/judge/0.parquet"
    output = finished.snakemake(score, "--retries", "1", "--printshellcmds", succeeds=False)
    for mem_mb, runtime in ((32000, 240), (48000, 360)):
        assert re.search(rf"resources: .*runtime={runtime}, mem_mb={mem_mb},", output), output
