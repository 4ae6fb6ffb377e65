"""Runs Snakemake for real: a copy of the project, a small study on the demo's models, real sampling with vLLM."""

import pytest
import yaml
from checkout import MINI, Checkout


@pytest.fixture
def checkout(root, tmp_path):
    """A fresh copy of the project with the small study, nothing run yet."""
    checkout = Checkout.of(root, tmp_path / "checkout")
    (checkout.folder / "mini.yaml").write_text(yaml.safe_dump(MINI, sort_keys=False))
    return checkout


@pytest.fixture(scope="session")
def finished_study(root, tmp_path_factory):
    """The small study after one complete run. Tests do not change it; they take a copy."""
    checkout = Checkout.of(root, tmp_path_factory.mktemp("finished") / "checkout")
    (checkout.folder / "mini.yaml").write_text(yaml.safe_dump(MINI, sort_keys=False))
    checkout.console = checkout.snakemake()
    return checkout


@pytest.fixture
def finished(finished_study, tmp_path):
    """A copy of the finished study that a test may change."""
    return finished_study.copy(tmp_path / "checkout")
