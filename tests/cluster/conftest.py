"""Runs studies through `snakemake --profile slurm` on a real Slurm, whose node and GPUs are this machine."""

import os
from pathlib import Path

import cluster
import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """One process runs all tests of this folder, and those of one variant of the cluster together."""
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    for item in here:
        item.add_marker(pytest.mark.xdist_group("cluster"))
        item.add_marker(pytest.mark.needs("slurm-wlm", "munge", "slurmdbd", "mariadb-server"))
    ordered = iter(sorted(here, key=lambda item: "unaccounted" in item.fixturenames))
    items[:] = [next(ordered) if item in here else item for item in items]


@pytest.fixture(scope="session")
def slurm():
    """The one cluster of all tests here."""
    if os.geteuid():
        pytest.skip("only root can start Slurm's daemons")
    with cluster.running() as running:
        yield running


@pytest.fixture(scope="module")
def accounted(slurm):
    """The cluster with accounting, as most have it."""
    slurm.switch(accounting=True)
    yield slurm
    slurm.clear()


@pytest.fixture(scope="module")
def unaccounted(slurm):
    """The cluster without accounting: `sacct` knows nothing."""
    slurm.switch(accounting=False)
    yield slurm
    slurm.clear()
