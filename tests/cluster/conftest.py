"""Runs studies through `snakemake --profile slurm` on a real Slurm, whose node and GPUs are this machine."""

import os
import shutil

import cluster
import pytest


@pytest.fixture(scope="session", autouse=True)
def installed():
    """Slurm's daemons want to be installed, and to be started by root."""
    if shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("slurmctld is not installed (Debian: slurm-wlm munge slurmdbd mariadb-server)")
    if os.geteuid():
        pytest.skip("only root can start Slurm's daemons")


@pytest.fixture(scope="module")
def accounted(installed):
    """A cluster with accounting, as most have it."""
    with cluster.running(accounting=True) as running:
        yield running


@pytest.fixture(scope="module")
def unaccounted(installed):
    """A cluster without accounting: `sacct` knows nothing."""
    with cluster.running(accounting=False) as running:
        yield running
