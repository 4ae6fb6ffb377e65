"""Studies run with `snakemake --profile slurm` on a real Slurm, whose node and GPUs are on this machine."""

import os
from pathlib import Path

import cluster
import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Run all tests of this folder in one process, ordered by variant of the cluster."""
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    for item in here:
        item.add_marker(pytest.mark.xdist_group("cluster"))
        item.add_marker(pytest.mark.needs("slurm-wlm", "munge", "slurmdbd", "mariadb-server"))
    ordered = iter(sorted(here, key=lambda item: "without_accounting" in item.fixturenames))
    items[:] = [next(ordered) if item in here else item for item in items]


@pytest.fixture(scope="session")
def slurm():
    """The cluster of all tests in this folder."""
    if os.geteuid():
        pytest.skip("only root can start Slurm's daemons")
    with cluster.running() as running:
        yield running


@pytest.fixture(scope="module")
def with_accounting(slurm):
    """The cluster with accounting, like most clusters."""
    slurm.switch(accounting=True)
    yield slurm
    slurm.clear()


@pytest.fixture(scope="module")
def without_accounting(slurm):
    """The cluster without accounting, where `sacct` does not work."""
    slurm.switch(accounting=False)
    yield slurm
    slurm.clear()
