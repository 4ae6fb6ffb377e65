"""Comparison of models on the same problems: the difference in coverage at equal budgets, with its p-value."""

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import ttest_1samp

from monkeys.analysis.coverage import pass_at_k

COLUMNS = ["model_a", "model_b", "at", "budget", "k_a", "k_b", "problems"]
COLUMNS += ["coverage_a", "coverage_b", "difference", "low", "high", "p"]

Cost = tuple[float, float]
"""Mean cost of a problem's prompt, paid once, and of each sample."""


def pass_at_budget(tally: pd.DataFrame, k: float) -> NDArray[np.float64]:
    """Unbiased estimate, per problem, of the probability that at least one of a mean of k samples is correct.

    Between two integers, k is the mean of a random number of samples, ⌊k⌋ or ⌈k⌉, so pass@k is interpolated linearly.

    Args:
        tally: Columns samples, correct; a row per problem.
        k: Mean number of samples, not necessarily an integer.

    Returns:
        Shape (problems,); NaN if k is below 1 or exceeds the problem's samples.
    """
    if not k >= 1:
        return np.full(len(tally), np.nan)
    whole = np.floor(k)
    ends = pass_at_k(tally["samples"], tally["correct"], [whole, np.ceil(k)])
    return ends @ np.array([1 - (k - whole), k - whole])


def compare(
    tallies: Mapping[str, pd.DataFrame], costs: Callable[[str, pd.DataFrame], Mapping[str, Cost]], confidence: float
) -> pd.DataFrame:
    """Difference in coverage of all pairs of models on one task, at equal numbers of samples and at equal costs.

    A budget is the largest that the samples of both models pay for; models are also compared with one sample each.

    Args:
        tallies: By model; a row per problem. Models are compared on the problems that both have.
        costs: Function that returns the costs of a model, given its name and its tally of the common problems, by kind;
            NaN where unknown.
        confidence: Confidence level of each interval.

    Returns:
        A row per pair and budget, with the columns model_a, model_b, at ("k" or the kind of cost), budget (per
        problem), k_a, k_b (samples per problem that it pays for), problems, coverage_a, coverage_b, difference (a − b),
        low, high, p, and p_corrected for the number of rows. Pairs are not compared at a cost that is unknown or 0
        for one of them. If a budget pays for less than one sample, k and all that follows from it are NaN.
    """
    rows = []
    for a, b in combinations(tallies, 2):
        common = set(tallies[a]["problem_id"]) & set(tallies[b]["problem_id"])
        if not common:
            continue
        pair = {}
        for model in (a, b):
            tally = tallies[model][tallies[model]["problem_id"].isin(common)].sort_values("problem_id")
            pair[model] = tally, int(tally["samples"].min()), {"k": (0.0, 1.0), **costs(model, tally)}
        for at in [at for at in pair[a][2] if at in pair[b][2]]:
            if not all(cost[at][1] > 0 for _, _, cost in pair.values()):  # unknown, or free
                continue
            most = min(first + largest * each for _, largest, cost in pair.values() for first, each in [cost[at]])
            for budget in sorted({1.0, most}) if at == "k" else [most]:
                # rounded, so that integers stay integers
                ks = {model: round((budget - cost[at][0]) / cost[at][1], 9) for model, (_, _, cost) in pair.items()}
                passed_a, passed_b = (pass_at_budget(pair[model][0], k) for model, k in ks.items())
                row = {"model_a": a, "model_b": b, "at": at, "budget": budget}
                row |= {f"k_{side}": k if k >= 1 else np.nan for side, k in zip("ab", ks.values(), strict=True)}
                row |= {"problems": len(common), "coverage_a": passed_a.mean(), "coverage_b": passed_b.mean()}
                row["difference"] = np.mean(passed_a - passed_b)
                row |= zip(("low", "high", "p"), paired_test(passed_a - passed_b, confidence), strict=True)
                rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(p_corrected=holm(table["p"].astype(float)))


def paired_test(differences: ArrayLike, confidence: float) -> tuple[float, float, float]:
    """Confidence interval and two-sided p-value of the mean of paired differences, by Student's paired t-test.

    The interval excludes 0 if and only if p < 1 − confidence. The t-test is undefined if all differences are equal:
    then n problems still leave room for a share u of problems that behave in any other way, of which they contain none
    with probability (1 − u)^n. The interval is (1 − u) mean ± u, where u is the largest share that is not rejected at
    half the level (Clopper and Pearson 1934), and p is the level at which the interval begins to contain 0.

    Args:
        differences: One per independent problem, between −1 and 1, shape (problems,).
        confidence: Confidence level of the interval.

    Returns:
        low, high, p. NaN without problems or if a difference is NaN. If all differences are 0, p is 1.
    """
    values = np.round(np.asarray(differences, dtype=np.float64), 12)  # rounding errors are no differences
    if not values.size or np.isnan(values).any():
        return np.nan, np.nan, np.nan
    if np.ptp(values) > 0:
        test = ttest_1samp(values, 0)
        low, high = test.confidence_interval(confidence)
        p = test.pvalue
    else:
        mean, unseen = values[0], 1 - ((1 - confidence) / 2) ** (1 / values.size)
        low, high = (1 - unseen) * mean - unseen, (1 - unseen) * mean + unseen
        p = min(1, 2 * (1 + abs(mean)) ** -float(values.size))
    return float(max(low, -1)), float(min(high, 1)), float(p)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """P-values corrected for their number by Holm's method (1979), shape of the argument; NaN are not counted."""
    values = np.asarray(p, dtype=np.float64)
    corrected = np.full(values.shape, np.nan)
    order = np.argsort(values)[: np.sum(~np.isnan(values))]
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)), 1)
    return corrected
