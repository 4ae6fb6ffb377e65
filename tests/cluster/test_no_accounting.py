"""A cluster without accounting, with weights in a cache shared by all nodes."""

import shutil

from checkout import ENGINE
from login import smoke_study
from test_check import check

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_study_runs_with_the_unchanged_profile_and_finds_cached_weights(
    root, without_accounting, tmp_path, monkeypatch
):
    """The model is named as on the hub, which cannot be reached."""
    login = smoke_study(root, tmp_path / "checkout")
    cached = tmp_path / "hf/hub/models--tiny--monkey"
    shutil.copytree(root / "resources/demo/marmoset-0.2m", cached / "snapshots" / COMMIT)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = {"weights": "tiny/monkey", "revision": COMMIT, "tasks": ["programs"], "engine": ENGINE}
    login.change(models={"hub": {**model, "resources": {"mem_mb": 2000}}})
    login.snakemake("verdicts")
    assert login.results("verdicts/programs/hub/0.parquet")
    assert "Nothing to be done" in login.snakemake("verdicts")


def test_sacct_is_rejected_without_accounting(root, without_accounting, tmp_path):
    """It would never report the end of a job."""
    login = smoke_study(root, tmp_path / "checkout")
    output = login.snakemake("--slurm-status-command", "sacct", succeeds=False)
    assert "the cluster has no accounting, so sacct cannot report when jobs end" in output
    login.fill_in("slurm_account")
    output = login.snakemake(succeeds=False)
    assert "lab is not one of your accounts; the cluster has no accounting, so leave it out" in output
    assert "slurm_account    nothing: the cluster has no accounting" in check(login)
