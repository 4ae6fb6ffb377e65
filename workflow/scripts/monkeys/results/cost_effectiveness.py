"""Cost of solving problems, in FLOPs and dollars."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from monkeys.analysis.cost import Architecture
    from monkeys.reporting.pairs import Pair

CATEGORY = "Cost"
TABLE = (
    "Cost of each model on each task at round numbers of samples k: fraction of problems solved, inference FLOPs per "
    "problem, and dollars per sample, in total (all samples of all problems), relative to the cheapest row of the "
    "task, and expected if a perfect verifier stops sampling a problem at its first correct sample."
)


def missing(study: Study) -> str | None:
    found = pairs.with_flops(study) or pairs.with_prices(study)
    return None if found else "no model with known FLOPs (models.*.facts) or a price (models.*.price)"


def settings(study: Study) -> dict[str, object]:
    """Prices by task and model; samples drawn in one request to a server share the price of their prompt. And the tasks
    and models whose strategy asks several times.
    """
    prices = []
    for task, name in pairs.with_prices(study):
        shared = study.samples_per_request(task, name)
        prices.append([task, name, {**study.models[name].price.model_dump(), "samples_per_request": shared}])
    several_calls = [pair for pair in study.pairs() if not study.strategy(*pair).shares_prompt]
    return {"prices": prices, "several_calls": several_calls}


def compute(
    tallies: "dict[Pair, pd.DataFrame]",
    coverage_curves: "pd.DataFrame",
    facts: "Mapping[str, Architecture]",
    prices: list[tuple[str, str, dict[str, float | None]]],
    several_calls: "list[Pair]",
) -> "pd.DataFrame":
    """Coverage and its mean cost per problem, at every k."""
    from monkeys.analysis.spending import spending

    price_of = {(task, model): price for task, model, price in prices}
    return spending(tallies, coverage_curves, facts, price_of, {(task, model) for task, model in several_calls})


def tabulate(cost_effectiveness_curves: "pd.DataFrame") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Costs at round k; the Markdown compares what each model costs at the coverage of the best single sample."""
    from monkeys.analysis.spending import effectiveness

    return effectiveness(cost_effectiveness_curves)
