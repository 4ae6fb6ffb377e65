"""Jobs that fail, are ended, are requeued or lose their driver: the study completes, and no sample is drawn twice."""

import os
import signal
import subprocess
import time
from pathlib import Path

import cluster
import pytest
from login import SECONDS, smoke_study

from monkeys.sampling.journal import read_entries
from monkeys.storage import read_provenance, read_rows

HOOK = Path(__file__).parent / "hook"
"""Has jobs stand still where a test wants to meet them, so that none can end before it was disturbed."""

CALM = "results/verdicts/calm/calm/0.parquet"
"""What the job that is not disturbed comes to."""


def wait(condition, what):
    if not cluster.with_patience(condition):
        raise AssertionError(f"waited in vain for {what}")


def comment(task, model, shard):
    return f"rule_sample_wildcards_{task}_{model}_{shard}"


class Disturbed:
    """A checkout whose sampling jobs can be met in the middle of their shards."""

    def __init__(self, login, slurm):
        self.login = login
        self.slurm = slurm
        self.orders = login.folder / "stand-still"
        self.orders.mkdir()
        self.left = {}
        """How many samples a shard's journal held when its job was disturbed."""

    def journal(self, task, model, shard):
        return self.login.folder / f"results/.journal/{task}/{model}/{shard}.jsonl"

    def recorded(self, *shard):
        journal = self.journal(*shard)
        return sum(len(e.get("samples", ())) for e in read_entries(journal)) if journal.exists() else 0

    def environment(self):
        return {"PYTHONPATH": str(HOOK), "STAND_STILL": str(self.orders)}

    def ask_to_stand(self, *shard):
        """Have the shard's job stand still once it has recorded some samples."""
        order = self.order(*shard)
        order.with_name(f"{order.name}.standing").unlink(missing_ok=True)
        order.touch()

    def order(self, task, model, shard):
        return self.orders / f"{task}.{model}.{shard}"

    def standing(self, *shard):
        """The process that stands still amid the shard, None as long as there is none."""
        order = self.order(*shard)
        mark = order.with_name(f"{order.name}.standing")
        if not mark.exists():
            return None
        self.left.setdefault(shard, self.recorded(*shard))
        pid = int(mark.read_text())
        return pid if "T" in state_of(pid) else None

    def running(self, *shard):
        """The Slurm job that is at work on a shard."""
        rows = cluster.said("squeue", "--noheader", "--states=RUNNING", "--format=%i|%k").splitlines()
        (job,) = (row.split("|")[0] for row in rows if row.endswith(f"|{comment(*shard)}"))
        return job

    def attempts(self, *shard):
        return [job for job in self.login.jobs(self.slurm) if job["Comment"] == comment(*shard)]

    def starts(self, task, model, shard):
        return read_provenance(self.samples(task, model, shard))["engine_starts"]

    def samples(self, task, model, shard):
        return self.login.folder / f"results/samples/{task}/{model}/{shard}.parquet"


def state_of(pid):
    """How a process is, as a letter: T if it stands still; nothing if there is none."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((line.split()[1] for line in lines if line.startswith("State:")), "")


@pytest.fixture(scope="module")
def disturbed(root, accounted, tmp_path_factory):
    """A study all of whose jobs but one are disturbed, while the database of the accounting is away for a minute."""
    login = smoke_study(root, tmp_path_factory.mktemp("failures") / "checkout")
    login.fill_in("slurm_account", "slurm_partition")
    study = login.study()
    sampling = {"temperature": 1.5, "max_tokens": 96}
    arithmetic = {**study["tasks"]["arithmetic"], "problems": 10, "sampling": sampling}
    study["tasks"] = {
        "arithmetic": {**arithmetic, "samples": 48, "shard_size": 16},
        "long": {**arithmetic, "samples": 16, "shard_size": 16},
        "calm": {**arithmetic, "samples": 16, "shard_size": 16},
    }
    model = study["models"]["small"] | {"resources": {"mem_mb": 2000}}
    study["models"] = {
        "small": {**model, "tasks": ["arithmetic"]},
        # one minute is the shortest limit that Slurm knows
        "hurried": {**model, "tasks": ["long"], "resources": {"mem_mb": 2000, "runtime": 1}},
        "calm": {**model, "tasks": ["calm"]},
    }
    login.change(**study)
    disturbed = Disturbed(login, accounted)
    # Where a minute is all a job has, a busy machine may need it more often than the profile's three times.
    arguments = ("samples", CALM, "--retries", "8")
    disturbed.ask_to_stand("long", "hurried", 0)
    with open(login.folder / "console", "w") as console:
        how = {"env": disturbed.environment(), "stdout": console, "stderr": subprocess.STDOUT}
        driver = login.driver(*arguments, **how)
        try:
            disturb(disturbed)
            assert driver.wait(SECONDS) == 0, (login.folder / "console").read_text()
        finally:
            driver.terminate()
            driver.wait()
    return disturbed


def disturb(disturbed):
    """Kill one job's process, cancel another, requeue a third, each amid its shard; then stop slurmdbd for a minute.

    The first, submitted again, stands still once more, until a job that was not disturbed is done with.
    """
    first = ("arithmetic", "small", 0)
    requeued = []

    def kill(*shard):
        pid = disturbed.standing(*shard)
        disturbed.ask_to_stand(*shard)
        os.kill(pid, signal.SIGKILL)

    def cancel(*shard):
        subprocess.run(["scancel", disturbed.running(*shard)], check=True)

    def requeue(*shard):
        requeued.append(disturbed.running(*shard))
        subprocess.run(["scontrol", "requeue", *requeued], check=True)

    waiting = {("arithmetic", "small", shard): how for shard, how in enumerate((kill, cancel, requeue))}

    def all_disturbed():
        for shard in [shard for shard in waiting if disturbed.standing(*shard)]:
            waiting.pop(shard)(*shard)
        return not waiting

    for shard in waiting:
        disturbed.ask_to_stand(*shard)
    wait(all_disturbed, "jobs to disturb")
    disturbed.slurm.stop_slurmdbd()
    away = time.monotonic()

    def again():
        """Slurm itself would wait for two minutes."""
        job = cluster.said("scontrol", "show", "job", requeued[0])
        if "JobState=PENDING" in job:
            cluster.said("scontrol", "update", f"jobid={requeued[0]}", "starttime=now")
        return "Restarts=1 " in job and ("JobState=RUNNING" in job or "JobState=COMPLETED" in job)

    wait(again, "the requeued job to run again")
    time.sleep(max(0, 60 - (time.monotonic() - away)))
    disturbed.slurm.start_slurmdbd()
    wait(lambda: disturbed.standing(*first), "the job that failed to be at work again")
    wait((disturbed.login.folder / CALM).exists, "a job that was not disturbed")
    os.kill(disturbed.standing(*first), signal.SIGCONT)


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
    calm, failed = disturbed.login.folder / CALM, disturbed.samples("arithmetic", "small", 0)
    assert calm.stat().st_mtime < failed.stat().st_mtime


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
    assert sum(start["samples"] for start in starts) == 10 * 16
    assert starts[-1]["samples_before"] > 0
    said = (disturbed.login.folder / "console").read_text()
    assert "ended by SIGTERM with" in said


def test_a_driver_that_was_killed_is_started_again_when_its_jobs_are_ended(disturbed):
    """Its jobs are still at work: the next driver says so at once, rather than have others draw the same shard."""
    login, shard = disturbed.login, ("arithmetic", "small", 3)
    login.change(tasks__arithmetic__samples=64)
    disturbed.ask_to_stand(*shard)
    driver = login.driver("samples", env=disturbed.environment(), stdout=subprocess.DEVNULL)
    wait(lambda: disturbed.standing(*shard), "a job at work")
    job = disturbed.running(*shard)
    driver.kill()
    driver.wait()
    login.snakemake("--unlock")
    said = login.snakemake("samples", succeeds=False)
    assert "jobs of an earlier run for the same files are still running or pending" in said and f"scancel {job}" in said
    subprocess.run(["scancel", job], check=True)
    wait(lambda: not cluster.said("squeue", "--noheader"), "the end of the job")
    left = disturbed.recorded(*shard)
    login.snakemake("samples")
    rows = [(row["problem_id"], row["sample"]) for row in read_rows(disturbed.samples(*shard))]
    assert len(rows) == len(set(rows)) == 10 * 16
    assert [start["samples_before"] for start in disturbed.starts(*shard)] == [0, left]
    assert left >= disturbed.left[shard] > 0
