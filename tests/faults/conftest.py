"""One engine for all tests here."""

import json

import pytest
from jobs import Engine


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
