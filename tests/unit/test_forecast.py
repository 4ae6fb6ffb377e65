import numpy as np
import pandas as pd
import pytest
from checkout import MINI

from monkeys.sampling import forecast as module
from monkeys.sampling.forecast import forecast
from monkeys.sampling.summary import ShardTotals
from monkeys.study import Study

PAIR = ("arithmetic", "small")
WEIGHTS = MINI["models"]["small"]


@pytest.fixture
def study(tmp_path):
    """Function that makes a study of one task and model with these settings of the model."""

    def make(model, **analysis):
        models = {"small": {**model, "tasks": ["arithmetic"]}}
        tasks = {"arithmetic": MINI["tasks"]["arithmetic"]}
        return Study.load(
            {"study": "s", "results": str(tmp_path), "tasks": tasks, "models": models, "analysis": analysis}
        )

    return make


@pytest.fixture
def no_progress(monkeypatch):
    """Every shard has 1,000 tokens in 10 seconds."""
    monkeypatch.setattr(module, "shard_totals", lambda *_: ShardTotals(generated_tokens=1000, seconds=10.0))


def tally(rates, samples=100):
    correct = np.random.default_rng(0).binomial(samples, rates)
    columns = {"prompt_tokens": 200, "generated_tokens": 50 * samples}
    return pd.DataFrame({"problem_id": range(len(correct)), "samples": samples, "correct": correct, **columns})


def first_number(text):
    return float(text.split()[0].replace(",", ""))


HARD = np.random.default_rng(1).beta(0.3, 2, 100)


@pytest.mark.usefixtures("no_progress")
def test_a_row_has_the_samples_and_what_those_still_to_draw_cost(study):
    model = {**WEIGHTS, "price": {"prompt": 1, "generated": 10}, "engine": {"tensor_parallel_size": 2}}
    (row,) = forecast(study(model), {PAIR: tally(HARD)}).to_dict("records")
    samples = first_number(row["samples"])
    assert 1000 < samples < 100_000 and row["samples drawn"] == "100"
    # 100 problems with 50 tokens each, at 100 tokens per second, on two GPUs
    assert first_number(row["GPU hours"]) == pytest.approx((samples - 100) * 100 * 50 / 100 / 3600 * 2, rel=0.06)
    assert first_number(row["dollars"]) == pytest.approx((samples - 100) * 100 * (200 * 1 + 50 * 10) / 1e6, rel=0.06)
    assert row["error"].endswith("%") and " – " in row["samples"]


@pytest.mark.usefixtures("no_progress")
def test_a_lower_target_needs_fewer_samples(study):
    more, fewer = (forecast(study(WEIGHTS, target_coverage=target), {PAIR: tally(HARD)}) for target in (0.95, 0.8))
    assert first_number(fewer["samples"][0]) < first_number(more["samples"][0])
    assert more["dollars"][0] == "?"


def test_a_coverage_that_was_reached_costs_nothing(study):
    (row,) = forecast(study(WEIGHTS), {PAIR: tally(np.full(20, 0.5))}).to_dict("records")
    assert first_number(row["samples"]) <= 5
    assert (row["GPU hours"], row["dollars"], row["method"]) == ("0", "0", "measured")


def test_too_few_samples_give_no_forecast(study):
    (row,) = forecast(study(WEIGHTS), {PAIR: tally(HARD, 8)}).to_dict("records")
    assert (row["samples"], row["GPU hours"]) == ("?", "?") and "too few samples" in row["method"]


@pytest.mark.usefixtures("no_progress")
def test_an_unreachable_coverage_is_never_reached(study, monkeypatch):
    monkeypatch.setattr(module, "samples_until", lambda *_: (np.inf, 2000.0, np.inf))
    (row,) = forecast(study(WEIGHTS), {PAIR: tally(HARD)}).to_dict("records")
    assert row["samples"] == "never (2,000 – never)" and row["GPU hours"].startswith("never (")
