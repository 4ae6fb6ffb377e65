"""Cost of a study at every number of samples, in FLOPs, dollars and tokens."""

from collections.abc import Collection, Mapping

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
    is_pareto_optimal,
    mean_lengths,
)
from monkeys.analysis.tables import at_round_ks, concat_with_keys
from monkeys.reporting.pairs import Pair


def spending(
    tallies: dict[Pair, pd.DataFrame],
    curves: pd.DataFrame,
    architectures: Mapping[str, Architecture],
    prices: dict[Pair, dict[str, float | None]],
    several_calls: Collection[Pair] = (),
) -> pd.DataFrame:
    """Coverage curves with their mean cost per problem.

    Args:
        tallies: By task and model.
        curves: Columns task, model, k, coverage.
        architectures: By model; the FLOPs of others are unknown.
        prices: By task and model, prompt and generated (dollars per million tokens), sample (dollars), None for 0; and
            samples_per_request, the number of samples that share the price of their prompt.
        several_calls: Tasks and models whose strategy asks the model several times for a sample.

    Returns:
        Columns task, model, k, coverage, flops, dollars (per problem; NaN where unknown), pareto (on the task's Pareto
        front of coverage and dollars), dollars_per_sample, problems, and expected_samples: expected number of samples
        with a perfect verifier, stopping at the first success or after k.
    """
    parts = {}
    for (task, model), curve in curves.groupby(["task", "model"], sort=False):
        pair, tally = (task, model), tallies[task, model]
        part = curve[["k", "coverage"]].assign(flops=np.nan, dollars=np.nan, dollars_per_sample=np.nan)
        costs = unit_costs(pair, tally, architectures, prices, several_calls)
        for kind in costs.keys() & {"flops", "dollars"}:
            part[kind] = cost_curve(curve, *costs[kind])["cost"]
        if pair in prices:
            part["dollars_per_sample"] = costs["dollars"][1]
        ks = curve["k"].to_numpy()
        part["expected_samples"] = [expected_samples(tally["samples"], tally["correct"], k).mean() for k in ks]
        parts[pair] = part.assign(problems=len(tally))
    table = concat_with_keys(parts)
    front = [is_pareto_optimal(rows.assign(cost=rows["dollars"])) for _, rows in table.groupby("task", sort=False)]
    return table.assign(pareto=pd.concat(front))


def unit_costs(
    pair: Pair,
    tally: pd.DataFrame,
    architectures: Mapping[str, Architecture],
    prices: dict[Pair, dict[str, float | None]],
    several_calls: Collection[Pair] = (),
) -> dict[str, tuple[float, float]]:
    """Mean cost of a problem's prompt, paid once, and of each sample, by kind of cost.

    Args:
        pair: Task and model.
        tally: Its tally, or some of its problems.
        architectures: As for `spending`, and so are the others.

    Returns:
        Tokens (generated), and FLOPs and dollars for a model of known size or price, under "tokens", "flops" and
        "dollars"; NaN where the lengths of samples are needed but unknown.
    """
    _, model = pair
    costs = {"tokens": (0.0, float(np.mean(mean_lengths(tally)[1])))}
    by_problem = {}
    if model in architectures:
        by_problem["flops"] = flops_of_tally(tally, architectures[model], shares_prompt=pair not in several_calls)
    if pair in prices:
        price = {key: value or 0.0 for key, value in prices[pair].items()}
        samples_per_request = int(price.pop("samples_per_request", 1))
        by_problem["dollars"] = dollars(tally, Price(**price), samples_per_request)
    for kind, table in by_problem.items():
        costs[kind] = np.mean(table["first"].to_numpy()), np.mean(table["per_sample"].to_numpy())
    return costs


def with_tokens(tallies: dict[Pair, pd.DataFrame], curves: pd.DataFrame) -> pd.DataFrame:
    """Coverage curves with the mean number of tokens that k samples of a problem take.

    Args:
        tallies: By task and model.
        curves: Columns task, model, k, coverage.

    Returns:
        Columns task, model, k, tokens (generated, thinking included; NaN where unknown for any problem), coverage.
    """
    parts = {}
    for (task, model), curve in curves.groupby(["task", "model"], sort=False):
        _, length = mean_lengths(tallies[task, model])
        counted = cost_curve(curve, 0, length).rename(columns={"cost": "tokens"})
        parts[task, model] = counted[["k", "tokens", "coverage"]]
    return concat_with_keys(parts)


def effectiveness(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Costs at round k, and what each model costs at the coverage of the best single sample.

    Args:
        table: From `spending`.

    Returns:
        Columns task, model, k, solved, flops, per_sample, total (dollars for all problems), relative (to the cheapest
        row of the task), expected_samples and expected_total (stopping at the first success); and, in the form of
        Table 1, for every model the row with the first round k that solves as much as the task's best single sample,
        or the largest k if none does.
    """
    rows = at_round_ks(table).rename(columns={"coverage": "solved", "dollars_per_sample": "per_sample"})
    rows["expected_total"] = rows["expected_samples"] * rows["per_sample"] * rows["problems"]
    best = rows[rows["k"] == 1].groupby("task")["solved"].max()
    pairs = [rows["task"], rows["model"]]
    last = rows["k"] == rows.groupby(pairs, sort=False)["k"].transform("max")
    enough = rows[(rows["solved"] >= rows["task"].map(best)) | last].groupby(["task", "model"], sort=False).head(1)
    columns = ["task", "model", "k", "solved", "flops", "per_sample", "total", "relative"]
    columns += ["expected_samples", "expected_total"]

    def with_totals(chosen: pd.DataFrame) -> pd.DataFrame:
        parts = [cost_effectiveness(part) for _, part in chosen.groupby("task", sort=False)]
        return pd.concat(parts, ignore_index=True)[columns]

    return with_totals(rows), with_totals(enough)
