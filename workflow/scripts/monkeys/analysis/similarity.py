"""Shifts along log k between the coverage curves of a family of models."""

from bisect import bisect_left
from collections.abc import Mapping

import numpy as np
import pandas as pd

from monkeys.analysis.coverage import coverage


def shifts(tallies: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Number of samples with which each model of a family matches the best pass@1 in the family.

    Drawn against k / k_m, the curves of a family coincide, where k_m is the k whose pass@k is closest to the anchor,
    the family's largest pass@1 (Brown et al. 2024, arXiv 2407.21787, section 3.2, Fig. 6).

    Args:
        tallies: Tallies of one task by model; columns samples, correct; a row per problem.

    Returns:
        Columns model, anchor, k (k_m, the smallest if several are equally close) and coverage_at_k, a row per model. A
        curve that stays below the anchor gets the first k of its maximum. Without a correct sample of this model or
        in the whole family, k is null and coverage_at_k NaN.
    """

    def coverage_at(model: str, k: int) -> float:
        return float(coverage(tallies[model]["samples"], tallies[model]["correct"], [k])[0])

    def closest_k(model: str) -> float:
        largest = int(tallies[model]["samples"].min())
        top = coverage_at(model, largest) if largest else np.nan
        if not (anchor > 0 and top > 0):
            return np.nan
        # the curve never falls, so the closest k is the first that reaches the anchor or the one before it
        k = 1 + bisect_left(range(1, largest), min(anchor, top), key=lambda k: coverage_at(model, k))
        return k - 1 if k > 1 and anchor - coverage_at(model, k - 1) <= abs(coverage_at(model, k) - anchor) else k

    anchor = float(np.max([coverage_at(model, 1) for model in tallies], initial=0.0))
    ks = {model: closest_k(model) for model in tallies}
    reached = [np.nan if np.isnan(k) else coverage_at(model, int(k)) for model, k in ks.items()]
    table = pd.DataFrame({"model": list(ks), "anchor": anchor, "k": list(ks.values()), "coverage_at_k": reached})
    return table.astype({"k": "Int64"})
