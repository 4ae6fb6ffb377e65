"""Forecast of the samples, GPU hours and dollars that a study still needs to reach a given coverage."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from monkeys.analysis.cost import Price, dollars
from monkeys.analysis.coverage import budget, coverage, curve_ks
from monkeys.analysis.prediction import back_test, back_test_errors, samples_until
from monkeys.reporting import pairs
from monkeys.reporting.pairs import Pair
from monkeys.sampling import TOKENS_PER_SECOND
from monkeys.sampling.summary import shard_totals, total
from monkeys.sources.weights import Weights
from monkeys.study import Study


def forecast(study: Study, tallies: Mapping[Pair, pd.DataFrame]) -> pd.DataFrame:
    """A row of text per task and model: samples per problem, and GPU hours and dollars to go, until the coverage.

    The method is the one with the smallest error in the back-test. Each number has an interval, of the method and the
    confidence level of the study's analysis.

    Args:
        study: The study; `analysis.target_coverage` is the coverage to reach.
        tallies: By task and model; columns samples, correct, prompt_tokens, generated_tokens.
    """
    return pd.DataFrame(
        {"task": task, "model": model, **_row(study, task, model, tally)} for (task, model), tally in tallies.items()
    )


def _row(study: Study, task: str, name: str, tally: pd.DataFrame) -> dict[str, str]:
    target, confidence, drawn = study.analysis.target_coverage, study.analysis.confidence, budget(tally)
    counts = tally["samples"], tally["correct"]
    ks = curve_ks(tally)
    measured = coverage(*counts, ks)
    row = {"samples drawn": f"{drawn:,}", "coverage": f"{measured[-1]:.1%}"}
    if measured[-1] >= target:
        reached = f"{ks[np.argmax(measured >= target)]:,}"
        return row | {"samples": reached, "GPU hours": "0", "dollars": "0", "method": "measured", "error": "0.0%"}
    errors = back_test_errors(back_test(*counts, confidence, study.seed))
    best = errors[errors["recommended"]]
    if best.empty:
        unknown = dict.fromkeys(("samples", "GPU hours", "dollars"), "?")
        return row | unknown | {"method": "none: too few samples or correct ones", "error": "?"}
    method, error = best[["method", "error"]].iloc[0]
    needed = [max(k, drawn) for k in samples_until(*counts, method, target, confidence)]
    more = [k - drawn for k in needed]
    hours, price = _hours_per_sample(study, task, name, tally), _dollars_per_sample(study, task, name, tally)
    return row | {
        "samples": _range(needed, lambda k: f"{float(f'{k:.2g}'):,.0f}"),
        "GPU hours": "none" if hours is None else _range([k * hours for k in more], _short),
        "dollars": "?" if math.isnan(price) else _range([k * price for k in more], _short),
        "method": method,
        "error": f"{error:.1%}",
    }


def _hours_per_sample(study: Study, task: str, name: str, tally: pd.DataFrame) -> float | None:
    """GPU hours of one more sample of every problem, at the speed so far; None without GPUs."""
    model = study.models[name]
    if not isinstance(model.source, Weights):
        return None
    size = study.shard_size(task, name)
    shards = [shard_totals(Path(study.results), task, name, shard, size) for shard in study.shards(task, name)]
    tokens, seconds = total(shards, "generated_tokens"), total(shards, "seconds")
    speed = tokens / seconds if tokens and seconds else TOKENS_PER_SECOND
    length = (tally["generated_tokens"] / tally["samples"]).astype(float).sum()
    return float(length / speed / 3600 * model.engine.tensor_parallel_size)


def _dollars_per_sample(study: Study, task: str, name: str, tally: pd.DataFrame) -> float:
    """Dollars of one more sample of every problem; NaN if unknown."""
    if (task, name) not in pairs.with_prices(study):
        return math.nan
    price = Price(**{key: value or 0.0 for key, value in study.models[name].price.model_dump().items()})
    return float(dollars(tally, price, study.samples_per_request(task, name))["per_sample"].sum(skipna=False))


def _range(values: list[float], text: Callable[[float], str]) -> str:
    """A number with its interval."""
    expected, low, high = ("never" if math.isinf(value) else text(value) for value in values)
    return expected if expected == low == high else f"{expected} ({low} – {high})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
