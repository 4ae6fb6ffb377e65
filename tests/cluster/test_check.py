"""Preflight of a cluster: `make slurm-check`, and the check of a run before its first job."""

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
    """Output of `make slurm-check`."""
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


def test_the_check_lists_what_to_fill_in_and_passes_when_done(login, with_accounting):
    output = check(login)
    assert "slurm_account    lab or root" in output
    assert "slurm_partition  cpu (the default): at most 1440 minutes, nodes: 1 of 32 CPUs" in output
    assert "slurm_partition  gpu: at most 1440 minutes" in output and "gpu:h200:4" in output
    assert "gpu_model        h200" in output
    login.fill_in("slurm_account", "slurm_partition", "resources", gpu_model="h200")
    output = check(login)
    assert "A CPU job and a GPU job would be accepted." in output


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("slurm_partition", "nope", "invalid partition specified: nope"),
        ("slurm_account", "nobody", "nobody is not one of your accounts; yours are lab, root"),
        ("gpu_model", "a100", "Requested node configuration is not available"),
        ("constraint", "gpu80", "Invalid feature specification"),
    ],
)
def test_requests_the_cluster_cannot_meet_end_a_run_before_its_first_job(login, with_accounting, key, value, message):
    login.fill_in("resources", **{key: value})
    output = login.snakemake(succeeds=False)
    assert "nothing was submitted" in output and message in output
    assert login.submitted(with_accounting) == []
    assert message in check(login)


def test_the_check_names_jobs_that_will_never_start(login, with_accounting):
    login.fill_in("resources")
    submitted = cluster.output_of(
        "sbatch", "--parsable", "--time=3-00:00:00", "--comment=patient", "--wrap=true"
    ).strip()
    cluster.wait_until(lambda: "Partition" in cluster.output_of("squeue", "--noheader", "--format=%r"))
    try:
        output = check(login)
    finally:
        cluster.output_of("scancel", submitted)
    assert f"WARNING job {submitted} (patient) is pending because of Partition" in output


def test_the_check_names_missing_commands(login, with_accounting, tmp_path):
    assert "WARNING not in PATH: sbatch, srun" in check(login, PATH=str(tmp_path))


def test_a_job_requests_the_gpus_of_its_model_and_is_cancelled_by_an_interrupt(login, with_accounting, tmp_path):
    """Even if the interrupt arrives while the executor queries its jobs and has dropped them from its list."""
    engine = {**login.study()["models"]["small"]["engine"], "tensor_parallel_size": 2, "separate_process": True}
    login.change(models__small__engine=engine)
    target, console = "results/samples/programs/small/0.parquet", tmp_path / "console"
    queried, answer = slow_squeue(tmp_path / "bin")
    with console.open("w") as stderr:
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        driver = login.driver(target, stderr=stderr, env={"PATH": path})
    job = "rule_sample_wildcards_programs_small_0"
    try:
        assert cluster.wait_until(lambda: job in cluster.output_of("squeue", "--noheader", "--format=%k"))
        job_details = cluster.output_of("scontrol", "show", "job")
        assert "NumTasks=1 " in job_details and "CPUs/Task=4" in job_details and "gres/gpu=2" in job_details
        assert cluster.wait_until(suspended)  # so that it cannot end before it is cancelled
        assert cluster.wait_until(queried.exists)
        driver.send_signal(signal.SIGINT)
        assert cluster.wait_until(lambda: "Terminating processes on user request" in console.read_text())
        answer.touch()
        assert driver.wait(900)
    finally:
        driver.kill()
        driver.wait()
    assert cluster.wait_until(lambda: not cluster.output_of("squeue", "--noheader"))

    def states():
        return [job["State"].split()[0] for job in login.jobs(with_accounting)]

    assert cluster.wait_until(lambda: states() == ["CANCELLED"]), login.jobs(with_accounting)


def suspended():
    """Suspend the only job; true once it is suspended."""
    cluster.output_of("scontrol", "suspend", cluster.output_of("squeue", "--noheader", "--format=%i").strip())
    return cluster.output_of("squeue", "--noheader", "--states=SUSPENDED")


def slow_squeue(folder):
    """Install a squeue that blocks the executor; return the file it creates and the file that releases it."""
    queried, answer = folder / "queried", folder / "answer"
    folder.mkdir()
    (folder / "squeue").write_text(
        f"""#!/bin/sh
        case "$*" in *--name*)
            touch {queried}
            while [ ! -e {answer} ]; do sleep 0.1; done
        esac
        exec {shutil.which("squeue")} "$@"
        """
    )
    (folder / "squeue").chmod(0o755)
    return queried, answer
