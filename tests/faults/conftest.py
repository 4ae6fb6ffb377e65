"""One engine for all tests in this folder."""

import json

import pytest
from jobs import Engine


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that share an engine share a process."""
    for item in items:
        if "engine" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("engine"))


@pytest.fixture(scope="session")
def prompts(root):
    """The ten longest problems of the demo."""
    rows = [json.loads(line) for line in (root / "resources/demo/arithmetic/test.jsonl").read_text().splitlines()]
    return {row["id"]: f"Question: {row['question']}\nAnswer:\n" for row in rows[-10:]}


@pytest.fixture(scope="session")
def engine(root, prompts, tmp_path_factory):
    engine = Engine(root, prompts, tmp_path_factory.mktemp("engine") / "log")
    yield engine
    engine.stop()
