"""What solving problems costs, in FLOPs and dollars."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from monkeys.reporting.pairs import Pair

CATEGORY = "Cost"
TABLE = (
    "For every model of a task, round numbers of samples k, the fraction of problems solved, FLOPs per problem, "
    "and dollars: of all samples of all problems, relative to the cheapest, and when a perfect verifier stops at "
    "the first success (expected)."
)


def missing(study: Study) -> str | None:
    found = pairs.with_flops(study) or pairs.with_prices(study)
    return None if found else "no model with counted tokens or a price (models.*.price)"


def settings(study: Study) -> dict[str, Any]:
    """The price of each task and model; samples that a server draws in one request share that of their prompt."""
    prices = []
    for task, name in pairs.with_prices(study):
        model = study.models[name]
        shared = model.source.samples_per_request
        prices.append([task, name, {**model.price.model_dump(), "samples_per_request": shared}])
    return {"prices": prices}


def compute(
    tallies: "dict[Pair, pd.DataFrame]",
    coverage_curves: "pd.DataFrame",
    facts: Mapping[str, dict[str, Any]],
    prices: list[tuple[str, str, dict[str, Any]]],
) -> "pd.DataFrame":
    """Coverage beside its mean cost per problem, at every k."""
    from monkeys.analysis.spending import spending

    return spending(tallies, coverage_curves, dict(facts), {(task, model): price for task, model, price in prices})


def tabulate(cost_effectiveness_curves: "pd.DataFrame") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """What solving costs at round k; people see how cheaply each model solves as much as the best single sample."""
    from monkeys.analysis.spending import effectiveness

    return effectiveness(cost_effectiveness_curves)
