"""The smoke study on a cluster, and typical next steps: another model, more samples, other commits."""

import subprocess

import pytest
from checkout import PARTS
from login import smoke_study

from monkeys.reporting import registry
from monkeys.study import Study


@pytest.fixture(scope="module")
def login(root, with_accounting, tmp_path_factory):
    """The finished smoke study, with the profile filled in for a site with accounts and two partitions."""
    login = smoke_study(root, tmp_path_factory.mktemp("smoke") / "checkout")
    login.fill_in("slurm_account", "slurm_partition", gpu_model="h200", resources="{mem_mb: 6000, runtime: 40}")
    login.snakemake()
    return login


def test_jobs_request_the_resources_in_the_config(login, with_accounting):
    jobs = {job["Comment"]: job for job in login.jobs(with_accounting)}
    for job in jobs.values():
        assert (job["State"], job["Account"]) == ("COMPLETED", "lab")
    for task in ("arithmetic", "programs"):
        sample = jobs[f"rule_sample_wildcards_{task}_small_0"]
        assert set(sample["AllocTRES"].split(",")) >= {"cpu=1", "mem=3000M", "gres/gpu=1"}
        assert (sample["Partition"], sample["Timelimit"]) == ("gpu", "00:30:00")
    verify = jobs["rule_verify_wildcards_programs_small_0"]
    assert "cpu=16" in verify["AllocTRES"] and "gpu" not in verify["AllocTRES"]
    assert (verify["Partition"], verify["Timelimit"]) == ("cpu", "00:31:00")


def test_limits_of_a_site_apply_to_each_job_and_not_to_their_sum(login, with_accounting):
    """Without them, verification of programs requests 2000 + 16 × 256 MB, and selection 8000 MB and an hour."""
    jobs = {job["Comment"]: job for job in login.jobs(with_accounting)}
    assert "mem=6000M" in jobs["rule_verify_wildcards_programs_small_0"]["AllocTRES"]
    selection = jobs["rule_selection_wildcards_programs_small"]
    assert "mem=6000M" in selection["AllocTRES"] and selection["Timelimit"] == "00:40:00"
    first, second = (jobs[f"rule_sample_wildcards_{task}_small_0"] for task in ("arithmetic", "programs"))
    assert first["Start"] < second["End"] and second["Start"] < first["End"]


def test_only_jobs_worth_queueing_are_submitted(login, with_accounting):
    rules = [comment.split("_wildcards_")[0] for comment in login.submitted(with_accounting)]
    assert sorted(rules) == sorted(2 * ["rule_sample", "rule_verify", "rule_selection"])


def test_a_second_run_has_nothing_to_do(login, with_accounting):
    before = login.submitted(with_accounting)
    assert "Nothing to be done" in login.snakemake()
    assert login.submitted(with_accounting) == before


def test_switching_commits_back_and_forth_triggers_no_resampling(login):
    """Git sets the modification time of every file that differs between commits."""

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=login.folder, check=True, capture_output=True)

    git("init", "--initial-branch=main")
    git("add", *PARTS, "mini.yaml")
    git("commit", "--message=one")
    git("checkout", "-b", "other")
    changed = [file for part in ("workflow", "resources", "studies") for file in (login.folder / part).rglob("*.*")]
    for file in changed:
        if file.suffix in (".py", ".smk", ".jsonl", ".yaml", ".json"):
            file.write_text(file.read_text() + "\n")
    git("commit", "--all", "--message=two")
    git("checkout", "main")
    assert login.plan() == {}


def test_an_added_model_submits_only_its_own_jobs_and_updates_all_figures(login, with_accounting):
    before = login.submitted(with_accounting)
    drawn = {path: path.stat().st_mtime_ns for path in login.results("figures/*.pdf")}
    figures = set(registry.default_results("draw", Study.load(login.study())))
    assert {path.stem for path in drawn} == figures
    models = login.study()["models"]
    medium = {**models["small"], "weights": "resources/demo/marmoset-0.8m", "tasks": ["programs"]}
    login.change(models={**models, "medium": medium})
    login.snakemake()
    assert login.submitted(with_accounting)[len(before) :] == [
        "rule_sample_wildcards_programs_medium_0",
        "rule_verify_wildcards_programs_medium_0",
        "rule_selection_wildcards_programs_medium",
    ]
    redrawn = {path.stem for path, time in drawn.items() if path.stat().st_mtime_ns > time}
    assert redrawn == figures - {"early_stopping"}  # programs have no answers to vote on


def test_more_samples_submit_only_the_new_shards(login, with_accounting):
    before = login.submitted(with_accounting)
    login.change(tasks__arithmetic__samples=32)
    login.snakemake("tallies")
    assert login.submitted(with_accounting)[len(before) :] == [
        "rule_sample_wildcards_arithmetic_small_1",
        "rule_verify_wildcards_arithmetic_small_1",
    ]
