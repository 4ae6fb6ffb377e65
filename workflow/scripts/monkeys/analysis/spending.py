"""What every number of samples costs a study, in FLOPs and dollars."""

from typing import Any

import numpy as np
import pandas as pd

from monkeys.analysis.cost import (
    Architecture,
    Price,
    cost_curve,
    cost_effectiveness,
    dollars,
    expected_samples,
    flops_of_tally,
    pareto,
)
from monkeys.analysis.tables import at_round_ks, stacked
from monkeys.reporting.pairs import SIZE, Pair


def spending(
    tallies: dict[Pair, pd.DataFrame],
    curves: pd.DataFrame,
    facts: dict[str, dict[str, Any]],
    prices: dict[Pair, dict[str, float | None]],
) -> pd.DataFrame:
    """Coverage beside its mean cost per problem.

    Args:
        tallies: By task and model.
        curves: Columns task, model, k, coverage.
        facts: By model, parameters, layers, hidden_size; models that are not in it have unknown FLOPs.
        prices: By task and model, prompt and generated (dollars per million tokens), sample (dollars), None is 0; and
            samples_per_request, how many samples share what their prompt costs.

    Returns:
        Columns task, model, k, coverage, flops, dollars (per problem; NaN where unknown), pareto (whether no other
        model and budget of the task has more coverage for as many dollars), dollars_per_sample, problems, and
        expected_samples: their mean number with a perfect verifier, stopping at the first success or after k.
    """
    parts = {}
    for (task, model), curve in curves.groupby(["task", "model"], sort=False):
        pair, tally = (task, model), tallies[task, model]
        sizes: dict[str, Any] = {key: facts.get(model, {}).get(key) for key in SIZE}
        part = curve[["k", "coverage"]].assign(flops=np.nan, dollars=np.nan, dollars_per_sample=np.nan)
        if None not in sizes.values():
            work = flops_of_tally(tally, Architecture(**sizes))
            part["flops"] = cost_curve(curve, work["first"], work["per_sample"])["cost"]
        if pair in prices:
            price = {key: value or 0.0 for key, value in prices[pair].items()}
            shared = int(price.pop("samples_per_request", 1))
            charged = dollars(tally, Price(**price), shared)
            part["dollars"] = cost_curve(curve, charged["first"], charged["per_sample"])["cost"]
            part["dollars_per_sample"] = charged["per_sample"].mean()
        ks = curve["k"].to_numpy()
        part["expected_samples"] = [expected_samples(tally["samples"], tally["correct"], k).mean() for k in ks]
        parts[pair] = part.assign(problems=len(tally))
    table = stacked(parts)
    front = [pareto(rows.assign(cost=rows["dollars"])) for _, rows in table.groupby("task", sort=False)]
    return table.assign(pareto=pd.concat(front))


def effectiveness(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What solving costs at round k, and how cheaply each model solves as much as the best does with one sample.

    Args:
        table: As `spending` gives it.

    Returns:
        Columns task, model, k, solved, flops, per_sample, total (dollars of all problems), relative (to the
        cheapest of the task), expected_samples and expected_total (stopping at the first success); and of these, in
        Table 1's form, for every model the first round k that solves as much as the task's best
        single sample, or all that it has if they solve less.
    """
    rows = at_round_ks(table).rename(columns={"coverage": "solved", "dollars_per_sample": "per_sample"})
    rows["expected_total"] = rows["expected_samples"] * rows["per_sample"] * rows["problems"]
    best = rows[rows["k"] == 1].groupby("task")["solved"].max()
    pairs = [rows["task"], rows["model"]]
    last = rows["k"] == rows.groupby(pairs, sort=False)["k"].transform("max")
    enough = rows[(rows["solved"] >= rows["task"].map(best)) | last].groupby(["task", "model"], sort=False).head(1)
    columns = ["task", "model", "k", "solved", "flops", "per_sample", "total", "relative"]
    columns += ["expected_samples", "expected_total"]

    def priced(some: pd.DataFrame) -> pd.DataFrame:
        parts = [cost_effectiveness(part) for _, part in some.groupby("task", sort=False)]
        return pd.concat(parts, ignore_index=True)[columns]

    return priced(rows), priced(enough)
