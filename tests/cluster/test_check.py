"""What a cluster does not accept is said at once: by `make slurm-check`, and by a run before its first job."""

import os
import shutil
import signal
import subprocess
import sys

import cluster
import pytest
from login import smoke_study


@pytest.fixture
def login(root, tmp_path):
    return smoke_study(root, tmp_path / "checkout")


def check(login, **environment):
    """What `make slurm-check` runs."""
    result = subprocess.run(
        [sys.executable, "-m", "monkeys.slurm"],
        cwd=login.folder,
        env=dict(os.environ, PYTHONPATH="workflow/scripts", **environment),
        capture_output=True,
        text=True,
    )
    assert not result.stderr
    assert (result.returncode == 0) == ("WARNING" not in result.stdout)
    return result.stdout


def test_the_check_says_what_to_fill_in_and_is_content_once_that_was_done(login, accounted):
    said = check(login)
    assert "slurm_account    lab or root" in said
    assert "slurm_partition  cpu (the default): at most 1440 minutes, nodes: 1 of 32 CPUs" in said
    assert "slurm_partition  gpu: at most 1440 minutes" in said and "gpu:h200:4" in said
    assert "gpu_model        h200" in said
    login.fill_in("slurm_account", "slurm_partition", "resources", gpu_model="h200")
    said = check(login)
    assert "A CPU job and a GPU job would be accepted." in said


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("slurm_partition", "nope", "invalid partition specified: nope"),
        ("slurm_account", "nobody", "nobody is not one of your accounts; yours are lab, root"),
        ("gpu_model", "a100", "Requested node configuration is not available"),
        ("constraint", "gpu80", "Invalid feature specification"),
    ],
)
def test_what_the_cluster_does_not_have_ends_a_run_before_its_first_job(login, accounted, key, value, message):
    login.fill_in("resources", **{key: value})
    said = login.snakemake(succeeds=False)
    assert "nothing was submitted" in said and message in said
    assert login.submitted(accounted) == []
    assert message in check(login)


def test_the_check_names_jobs_that_wait_for_ever(login, accounted):
    login.fill_in("resources")
    submitted = cluster.said("sbatch", "--parsable", "--time=3-00:00:00", "--comment=patient", "--wrap=true").strip()
    cluster.with_patience(lambda: "Partition" in cluster.said("squeue", "--noheader", "--format=%r"))
    try:
        said = check(login)
    finally:
        cluster.said("scancel", submitted)
    assert f"WARNING job {submitted} (patient) is pending because of Partition" in said


def test_the_check_names_commands_that_are_missing(login, accounted, tmp_path):
    assert "WARNING not in PATH: sbatch, srun" in check(login, PATH=str(tmp_path))


def test_a_model_on_two_gpus_asks_for_two_and_an_interrupt_cancels_its_job(login, accounted, tmp_path):
    """Also while the executor asks what its jobs do, and has forgotten them in the meantime."""
    engine = {**login.study()["models"]["small"]["engine"], "tensor_parallel_size": 2, "separate_process": True}
    login.change(models__small__engine=engine)
    target, said = "results/samples/programs/small/0.parquet", tmp_path / "said"
    asked, answer = slow_squeue(tmp_path / "bin")
    with said.open("w") as stderr:
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        driver = login.driver(target, stderr=stderr, env={"PATH": path})
    job = "rule_sample_wildcards_programs_small_0"
    try:
        assert cluster.with_patience(lambda: job in cluster.said("squeue", "--noheader", "--format=%k"))
        shown = cluster.said("scontrol", "show", "job")
        assert "NumTasks=1 " in shown and "CPUs/Task=4" in shown and "gres/gpu=2" in shown
        assert cluster.with_patience(suspended)  # so that it does not end before it is cancelled
        assert cluster.with_patience(asked.exists)
        driver.send_signal(signal.SIGINT)
        assert cluster.with_patience(lambda: "Terminating processes on user request" in said.read_text())
        answer.touch()
        assert driver.wait(900)
    finally:
        driver.kill()
        driver.wait()
    assert cluster.with_patience(lambda: not cluster.said("squeue", "--noheader"))

    def states():
        return [job["State"].split()[0] for job in login.jobs(accounted)]

    assert cluster.with_patience(lambda: states() == ["CANCELLED"]), login.jobs(accounted)


def suspended():
    """Have Slurm suspend the one job; whether it stands."""
    cluster.said("scontrol", "suspend", cluster.said("squeue", "--noheader", "--format=%i").strip())
    return cluster.said("squeue", "--noheader", "--states=SUSPENDED")


def slow_squeue(folder):
    """A squeue that keeps the executor waiting; returns the files that say so and that have it answer."""
    asked, answer = folder / "asked", folder / "answer"
    folder.mkdir()
    (folder / "squeue").write_text(
        f"""#!/bin/sh
        case "$*" in *--name*)
            touch {asked}
            while [ ! -e {answer} ]; do sleep 0.1; done
        esac
        exec {shutil.which("squeue")} "$@"
        """
    )
    (folder / "squeue").chmod(0o755)
    return asked, answer
