"""What all tests share: where the project and the optional published data are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Published data that is too large or not ours to ship; tests that want it are skipped in a clone without it."""
    folder = Path(os.environ.get("SHARED_DATA", ROOT / "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no published data at {folder} (set SHARED_DATA)")
    return folder
