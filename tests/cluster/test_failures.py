"""Jobs that fail, are cancelled, requeued or lose their driver: the study completes without duplicate samples."""

import os
import signal
import subprocess
import time
from pathlib import Path

import cluster
import pytest
from login import TIMEOUT, smoke_study

from monkeys.sampling.journal import read_entries
from monkeys.storage import read_provenance, read_rows

HOOK = Path(__file__).parent / "hook"
"""Suspends jobs at points chosen by tests, so that none can end before it is disturbed."""

UNDISTURBED = "results/verdicts/calm/calm/0.parquet"
"""Verdicts of the job that is not disturbed."""


def wait(condition, event):
    if not cluster.wait_until(condition):
        raise AssertionError(f"waited in vain for {event}")


def comment(task, model, shard):
    return f"rule_sample_wildcards_{task}_{model}_{shard}"


class Disturbed:
    """A checkout whose sampling jobs can be disturbed in the middle of their shards."""

    def __init__(self, login, slurm):
        self.login = login
        self.slurm = slurm
        self.orders = login.folder / "stand-still"
        self.orders.mkdir()
        self.recorded_before = {}
        """Number of samples in a shard's journal when its job was disturbed."""

    def journal(self, task, model, shard):
        return self.login.folder / f"results/.journal/{task}/{model}/{shard}.jsonl"

    def recorded(self, *shard):
        journal = self.journal(*shard)
        return sum(len(e.get("samples", ())) for e in read_entries(journal)) if journal.exists() else 0

    def environment(self):
        return {"PYTHONPATH": str(HOOK), "STAND_STILL": str(self.orders)}

    def request_suspension(self, *shard):
        """Request that the shard's job is suspended once it has recorded some samples."""
        order = self.order(*shard)
        order.with_name(f"{order.name}.standing").unlink(missing_ok=True)
        order.touch()

    def order(self, task, model, shard):
        return self.orders / f"{task}.{model}.{shard}"

    def suspended_process(self, *shard):
        """Id of the suspended process in the middle of the shard; None until there is one."""
        order = self.order(*shard)
        mark = order.with_name(f"{order.name}.standing")
        if not mark.exists():
            return None
        self.recorded_before.setdefault(shard, self.recorded(*shard))
        pid = int(mark.read_text())
        return pid if "T" in state_of(pid) else None

    def running(self, *shard):
        """Id of the running Slurm job of a shard."""
        rows = cluster.output_of("squeue", "--noheader", "--states=RUNNING", "--format=%i|%k").splitlines()
        (job,) = (row.split("|")[0] for row in rows if row.endswith(f"|{comment(*shard)}"))
        return job

    def attempts(self, *shard):
        return [job for job in self.login.jobs(self.slurm) if job["Comment"] == comment(*shard)]

    def starts(self, task, model, shard):
        return read_provenance(self.samples(task, model, shard))["engine_starts"]

    def samples(self, task, model, shard):
        return self.login.folder / f"results/samples/{task}/{model}/{shard}.parquet"


def state_of(pid):
    """State of a process as a letter: T if suspended; empty if it does not exist."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((line.split()[1] for line in lines if line.startswith("State:")), "")


@pytest.fixture(scope="module")
def disturbed(root, with_accounting, tmp_path_factory):
    """A study whose jobs are disturbed, except one, while the accounting database is down for a minute."""
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
        # one minute is Slurm's shortest time limit
        "hurried": {**model, "tasks": ["long"], "resources": {"mem_mb": 2000, "runtime": 1}},
        "calm": {**model, "tasks": ["calm"]},
    }
    login.change(**study)
    disturbed = Disturbed(login, with_accounting)
    # On a busy machine, a job limited to a minute may need more than the profile's three attempts.
    arguments = ("samples", UNDISTURBED, "--retries", "8")
    disturbed.request_suspension("long", "hurried", 0)
    with open(login.folder / "console", "w") as console:
        options = {"env": disturbed.environment(), "stdout": console, "stderr": subprocess.STDOUT}
        driver = login.driver(*arguments, **options)
        try:
            disturb(disturbed)
            assert driver.wait(TIMEOUT) == 0, (login.folder / "console").read_text()
        finally:
            driver.terminate()
            driver.wait()
    return disturbed


def disturb(disturbed):
    """Kill one job's process, cancel another, requeue a third, each in mid-shard; then stop slurmdbd for a minute.

    The first job, when resubmitted, is suspended again until an undisturbed job has finished.
    """
    first = ("arithmetic", "small", 0)
    requeued = []

    def kill(*shard):
        pid = disturbed.suspended_process(*shard)
        disturbed.request_suspension(*shard)
        os.kill(pid, signal.SIGKILL)

    def cancel(*shard):
        subprocess.run(["scancel", disturbed.running(*shard)], check=True)

    def requeue(*shard):
        requeued.append(disturbed.running(*shard))
        subprocess.run(["scontrol", "requeue", *requeued], check=True)

    waiting = {("arithmetic", "small", shard): action for shard, action in enumerate((kill, cancel, requeue))}

    def all_disturbed():
        for shard in [shard for shard in waiting if disturbed.suspended_process(*shard)]:
            waiting.pop(shard)(*shard)
        return not waiting

    for shard in waiting:
        disturbed.request_suspension(*shard)
    wait(all_disturbed, "jobs to disturb")
    disturbed.slurm.stop_slurmdbd()
    stopped = time.monotonic()

    def has_restarted():
        """Restart the requeued job early; Slurm would wait for two minutes."""
        job = cluster.output_of("scontrol", "show", "job", requeued[0])
        if "JobState=PENDING" in job:
            cluster.output_of("scontrol", "update", f"jobid={requeued[0]}", "starttime=now")
        return "Restarts=1 " in job and ("JobState=RUNNING" in job or "JobState=COMPLETED" in job)

    wait(has_restarted, "the requeued job to restart")
    time.sleep(max(0, 60 - (time.monotonic() - stopped)))
    disturbed.slurm.start_slurmdbd()
    wait(lambda: disturbed.suspended_process(*first), "the resubmitted job")
    wait((disturbed.login.folder / UNDISTURBED).exists, "a job that was not disturbed")
    os.kill(disturbed.suspended_process(*first), signal.SIGCONT)


@pytest.mark.parametrize(("task", "model"), [("arithmetic", "small"), ("long", "hurried"), ("calm", "calm")])
def test_every_sample_exists_once(disturbed, task, model):
    config = disturbed.login.study()["tasks"][task]
    files = disturbed.login.results(f"samples/{task}/{model}/*")
    numbers = [(row["problem_id"], row["sample"]) for path in files for row in read_rows(path)]
    assert len(numbers) == len(set(numbers)) == config["problems"] * config["samples"]
    assert {number for _, number in numbers} == set(range(config["samples"]))


def test_a_failed_job_is_resubmitted_with_more_memory_and_resumes(disturbed):
    shard = ("arithmetic", "small", 0)
    first, second = disturbed.attempts(*shard)
    assert (first["State"], second["State"]) == ("FAILED", "COMPLETED")
    assert "mem=2000M" in first["AllocTRES"] and "mem=3000M" in second["AllocTRES"]
    assert [start["samples_before"] for start in disturbed.starts(*shard)][1] >= disturbed.recorded_before[shard] > 0


def test_a_failed_job_does_not_delay_others(disturbed):
    calm, failed = disturbed.login.folder / UNDISTURBED, disturbed.samples("arithmetic", "small", 0)
    assert calm.stat().st_mtime < failed.stat().st_mtime


def test_a_cancelled_job_is_resubmitted_and_resumes(disturbed):
    shard = ("arithmetic", "small", 1)
    first, second = disturbed.attempts(*shard)
    assert first["State"].startswith("CANCELLED") and second["State"] == "COMPLETED"
    assert [start["samples_before"] for start in disturbed.starts(*shard)][1] >= disturbed.recorded_before[shard] > 0


def test_a_requeued_job_resumes_from_its_journal(disturbed):
    shard = ("arithmetic", "small", 2)
    (job,) = disturbed.attempts(*shard)
    assert job["State"] == "COMPLETED"
    assert [start["samples_before"] for start in disturbed.starts(*shard)][1] >= disturbed.recorded_before[shard] > 0


def test_a_timed_out_job_keeps_its_samples_and_gets_more_time(disturbed):
    shard = ("long", "hurried", 0)
    first, *others, last = disturbed.attempts(*shard)
    assert {job["State"] for job in (first, *others)} == {"TIMEOUT"} and last["State"] == "COMPLETED"
    assert [job["Timelimit"] for job in (first, *others, last)][:2] == ["00:01:00", "00:02:00"]
    starts = disturbed.starts(*shard)
    assert sum(start["samples"] for start in starts) == 10 * 16
    assert starts[-1]["samples_before"] > 0
    output = (disturbed.login.folder / "console").read_text()
    assert "ended by SIGTERM with" in output


def test_a_killed_driver_can_be_restarted_once_its_jobs_have_ended(disturbed):
    """While they are still running, the next driver stops with an error instead of sampling the same shard."""
    login, shard = disturbed.login, ("arithmetic", "small", 3)
    login.change(tasks__arithmetic__samples=64)
    disturbed.request_suspension(*shard)
    driver = login.driver("samples", env=disturbed.environment(), stdout=subprocess.DEVNULL)
    wait(lambda: disturbed.suspended_process(*shard), "a job at work")
    job = disturbed.running(*shard)
    driver.kill()
    driver.wait()
    login.snakemake("--unlock")
    text = login.snakemake("samples", succeeds=False)
    assert "jobs of an earlier run for the same files are still running or pending" in text and f"scancel {job}" in text
    subprocess.run(["scancel", job], check=True)
    wait(lambda: not cluster.output_of("squeue", "--noheader"), "the end of the job")
    recorded_before = disturbed.recorded(*shard)
    login.snakemake("samples")
    rows = [(row["problem_id"], row["sample"]) for row in read_rows(disturbed.samples(*shard))]
    assert len(rows) == len(set(rows)) == 10 * 16
    assert [start["samples_before"] for start in disturbed.starts(*shard)] == [0, recorded_before]
    assert recorded_before >= disturbed.recorded_before[shard] > 0
