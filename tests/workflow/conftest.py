"""Real runs of Snakemake: a copy of the project, a small study of the demo models, and sampling with vLLM."""

import pytest
import yaml
from checkout import MINI, Checkout
from filelock import FileLock


@pytest.fixture(scope="session")
def finished_study(root, run_folder):
    """The small study after a complete run, made once for all processes; tests must not change it."""
    folder, console = run_folder / "finished/checkout", run_folder / "finished/console"
    with FileLock(run_folder / "finished.lock"):
        if not console.exists():
            checkout = Checkout.of(root, folder)
            (folder / "mini.yaml").write_text(yaml.safe_dump(MINI, sort_keys=False))
            console.write_text(checkout.snakemake())
    finished = Checkout(folder)
    finished.console = console.read_text()
    return finished


@pytest.fixture
def finished(finished_study, tmp_path):
    """A copy of the finished study that a test may change."""
    return finished_study.copy(tmp_path / "checkout")
