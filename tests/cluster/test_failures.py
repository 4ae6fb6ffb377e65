"""Jobs that fail, are ended, are requeued or lose their driver: the study completes, and no sample is drawn twice."""

import os
import signal
import subprocess
import time

import cluster
import pytest
from checkout import ENGINE
from login import smoke_study

from monkeys.sampling.journal import read_entries
from monkeys.storage import read_provenance, read_rows

SLOW = {**ENGINE, "max_num_seqs": 4}
"""A shard takes long enough to be disturbed."""


def wait(condition, what, seconds=300):
    if not cluster.with_patience(condition, seconds):
        raise AssertionError(f"waited {seconds} s for {what}")


def comment(task, model, shard):
    return f"rule_sample_wildcards_{task}_{model}_{shard}"


class Disturbed:
    """A checkout whose sampling jobs can be met in the middle of their shards."""

    def __init__(self, login, slurm):
        self.login = login
        self.slurm = slurm
        self.left = {}
        """How many samples a shard's journal held when its job was disturbed."""

    def journal(self, task, model, shard):
        return self.login.folder / f"results/.journal/{task}/{model}/{shard}.jsonl"

    def recorded(self, *shard):
        journal = self.journal(*shard)
        return sum(len(e.get("samples", ())) for e in read_entries(journal)) if journal.exists() else 0

    def amid(self, *shard):
        """Whether a shard's job has recorded some samples."""
        self.left[shard] = self.recorded(*shard)
        return self.left[shard] > 0

    def running(self, *shard):
        """The Slurm job that is at work on a shard."""
        rows = cluster.said("squeue", "--noheader", "--states=RUNNING", "--format=%i|%k").splitlines()
        (job,) = (row.split("|")[0] for row in rows if row.endswith(f"|{comment(*shard)}"))
        return job

    def attempts(self, *shard):
        return [job for job in self.slurm.jobs() if job["Comment"] == comment(*shard)]

    def starts(self, task, model, shard):
        return read_provenance(self.samples(task, model, shard))["engine_starts"]

    def samples(self, task, model, shard):
        return self.login.folder / f"results/samples/{task}/{model}/{shard}.parquet"


@pytest.fixture(scope="module")
def disturbed(root, accounted, tmp_path_factory):
    """A study all of whose jobs but one are disturbed, while the database of the accounting is away for a minute."""
    login = smoke_study(root, tmp_path_factory.mktemp("failures") / "checkout")
    login.fill_in("slurm_account", "slurm_partition")
    study = login.study()
    sampling = {"temperature": 1.5, "max_tokens": 96}
    arithmetic = {**study["tasks"]["arithmetic"], "problems": 20, "sampling": sampling}
    study["tasks"] = {
        "arithmetic": {**arithmetic, "samples": 192, "shard": 64},
        "long": {**arithmetic, "problems": 30, "samples": 96, "shard": 96},
        "calm": {**arithmetic, "samples": 16, "shard": 16},
    }
    model = study["models"]["small"] | {"resources": {"mem_mb": 2000}}
    study["models"] = {
        "small": {**model, "tasks": ["arithmetic"], "engine": SLOW},
        # one minute is the shortest limit that Slurm knows
        "hurried": {**model, "tasks": ["long"], "engine": SLOW, "resources": {"mem_mb": 2000, "runtime": 1}},
        "calm": {**model, "tasks": ["calm"]},
    }
    login.change(**study)
    disturbed = Disturbed(login, accounted)
    # Where a minute is all a job has, a busy machine may need it more often than the profile's three times.
    command = login.command("samples", "results/verdicts/calm/calm/0.parquet", "--retries", "5")
    with open(login.folder / "console", "w") as console:
        driver = subprocess.Popen(command, cwd=login.folder, stdout=console, stderr=subprocess.STDOUT)
        try:
            disturb(disturbed)
            assert driver.wait() == 0, (login.folder / "console").read_text()
        finally:
            driver.terminate()  # `timeout` hands it on, and kills after some seconds
            driver.wait()
    return disturbed


def disturb(disturbed):
    """Kill one job's process, cancel another, requeue a third, each amid its shard; then stop slurmdbd for a minute."""
    requeued = []

    def kill(*shard):
        lock = disturbed.journal(*shard).with_suffix(".jsonl.lock").read_text()
        (pid,) = (line.partition("=")[2] for line in lock.splitlines() if line.startswith("pid="))
        os.kill(int(pid), signal.SIGKILL)

    def cancel(*shard):
        subprocess.run(["scancel", disturbed.running(*shard)], check=True)

    def requeue(*shard):
        requeued.append(disturbed.running(*shard))
        subprocess.run(["scontrol", "requeue", *requeued], check=True)

    waiting = {("arithmetic", "small", shard): how for shard, how in enumerate((kill, cancel, requeue))}

    def all_disturbed():
        for shard in [shard for shard in waiting if disturbed.amid(*shard)]:
            waiting.pop(shard)(*shard)
        return not waiting

    wait(all_disturbed, "jobs to disturb")
    disturbed.slurm.stop_slurmdbd()
    away = time.monotonic()

    def again():
        """Slurm itself would wait for two minutes."""
        if "PENDING" in cluster.said("squeue", "--noheader", "--jobs", requeued[0], "--format=%T"):
            cluster.said("scontrol", "update", f"jobid={requeued[0]}", "starttime=now")
        return "RUNNING" in cluster.said("squeue", "--noheader", "--jobs", requeued[0], "--format=%T")

    wait(again, "the requeued job to run again")
    time.sleep(max(0, 60 - (time.monotonic() - away)))
    disturbed.slurm.start_slurmdbd()


@pytest.mark.parametrize(("task", "model"), [("arithmetic", "small"), ("long", "hurried"), ("calm", "calm")])
def test_every_sample_is_there_once(disturbed, task, model):
    about = disturbed.login.study()["tasks"][task]
    files = disturbed.login.results(f"samples/{task}/{model}/*")
    numbers = [(row["problem_id"], row["sample"]) for path in files for row in read_rows(path)]
    assert len(numbers) == len(set(numbers)) == about["problems"] * about["samples"]
    assert {number for _, number in numbers} == set(range(about["samples"]))


def test_a_job_that_fails_once_is_submitted_again_with_more_memory_and_goes_on(disturbed):
    shard = ("arithmetic", "small", 0)
    first, second = disturbed.attempts(*shard)
    assert (first["State"], second["State"]) == ("FAILED", "COMPLETED")
    assert "mem=2000M" in first["AllocTRES"] and "mem=3000M" in second["AllocTRES"]
    assert [start["samples_before"] for start in disturbed.starts(*shard)][1] >= disturbed.left[shard] > 0


def test_a_job_that_fails_holds_up_no_other(disturbed):
    calm = disturbed.login.folder / "results/verdicts/calm/calm/0.parquet"
    assert calm.stat().st_mtime < disturbed.samples("long", "hurried", 0).stat().st_mtime


def test_a_cancelled_job_is_submitted_again_and_goes_on(disturbed):
    shard = ("arithmetic", "small", 1)
    first, second = disturbed.attempts(*shard)
    assert first["State"].startswith("CANCELLED") and second["State"] == "COMPLETED"
    assert [start["samples_before"] for start in disturbed.starts(*shard)][1] >= disturbed.left[shard] > 0


def test_a_requeued_job_goes_on_from_its_journal(disturbed):
    shard = ("arithmetic", "small", 2)
    (job,) = disturbed.attempts(*shard)
    assert job["State"] == "COMPLETED"
    assert [start["samples_before"] for start in disturbed.starts(*shard)][1] >= disturbed.left[shard] > 0


def test_a_job_at_its_time_limit_keeps_what_it_sampled_and_gets_more_time(disturbed):
    shard = ("long", "hurried", 0)
    first, *others, last = disturbed.attempts(*shard)
    assert {job["State"] for job in (first, *others)} == {"TIMEOUT"} and last["State"] == "COMPLETED"
    assert [job["Timelimit"] for job in (first, *others, last)][:2] == ["00:01:00", "00:02:00"]
    starts = disturbed.starts(*shard)
    assert sum(start["samples"] for start in starts) == 30 * 96
    assert starts[-1]["samples_before"] > 0
    said = (disturbed.login.folder / "console").read_text()
    assert "ended by SIGTERM with" in said


def test_a_driver_that_was_killed_is_started_again_when_its_jobs_are_ended(disturbed):
    """Its jobs are still at work: the next driver says so at once, rather than have others draw the same shard."""
    login, shard = disturbed.login, ("arithmetic", "small", 3)
    login.change(tasks__arithmetic__samples=256)
    driver = subprocess.Popen(login.command("samples")[3:], cwd=login.folder, stdout=subprocess.DEVNULL)
    wait(lambda: disturbed.amid(*shard), "samples")
    job = disturbed.running(*shard)
    driver.kill()
    driver.wait()
    login.snakemake("--unlock")
    said = login.snakemake("samples", succeeds=False)
    assert "jobs of an earlier run are still at work on what is to be done" in said and f"scancel {job}" in said
    subprocess.run(["scancel", job], check=True)
    wait(lambda: not cluster.said("squeue", "--noheader"), "the end of the job")
    left = disturbed.recorded(*shard)
    login.snakemake("samples")
    rows = [(row["problem_id"], row["sample"]) for row in read_rows(disturbed.samples(*shard))]
    assert len(rows) == len(set(rows)) == 20 * 64
    assert [start["samples_before"] for start in disturbed.starts(*shard)] == [0, left]
    assert left >= disturbed.left[shard] > 0
