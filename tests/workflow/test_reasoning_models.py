"""Reasoning models in a study: their thinking is limited, kept apart and counted. Really sampled with vLLM.

The demo's models reason before they write `####` and the answer, so everything up to there is taken as their thinking.
"""

import pandas as pd
import pytest

from monkeys.storage import read_provenance, read_rows

MARKERS = {"start": "Answer:", "end": "####"}  # the prompt ends with the start
BUDGET = 6


@pytest.fixture
def reasoning(checkout):
    study = checkout.study()
    small = {**study["models"]["small"], "tasks": ["arithmetic"], "thinking": {**MARKERS, "keep": False}}
    small["sampling"] = {"max_tokens": 12}
    medium = {**study["models"]["medium"], "thinking": {**MARKERS, "max_tokens": BUDGET}}
    checkout.change(models={"small": small, "medium": medium}, tasks__arithmetic__samples=16)
    return checkout


def samples(checkout, model):
    (path, *_) = checkout.results(f"samples/arithmetic/{model}/*.parquet")
    return list(read_rows(path)), read_provenance(path)


def test_thinking_is_limited_kept_apart_and_counted(reasoning):
    reasoning.snakemake("results/overview.rst")

    rows, provenance = samples(reasoning, "medium")
    assert max(row["reasoning_tokens"] for row in rows) == BUDGET + 1  # with the marker
    assert all(row["reasoning"] and "####" not in row["reasoning"] + row["text"] for row in rows)
    assert any(row["text"].strip().isdigit() for row in rows)
    assert provenance["model_settings"]["thinking"] == {**MARKERS, "max_tokens": BUDGET}

    rows, provenance = samples(reasoning, "small")
    endless = [row for row in rows if row["reasoning_tokens"] == row["tokens"]]
    assert endless and all(row["text"] == "" for row in endless)
    assert all(row["reasoning"] is None for row in rows)
    assert provenance["truncated"] >= len(endless)
    tally = pd.read_parquet(reasoning.folder / "results/tallies/arithmetic/small.parquet")
    assert tally["no_answer"].sum() >= len(endless)
    assert "of the samples reach the token limit" in (reasoning.folder / "results/overview.rst").read_text()

    models = reasoning.study()["models"]
    models["small"]["thinking"] = MARKERS
    assert reasoning.plan("samples", models=models) == {}  # whether it is kept does not matter
    models["small"]["thinking"] = {**MARKERS, "end": "##"}
    assert reasoning.plan("samples", models=models)["sample"] == 1
