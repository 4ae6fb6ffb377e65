"""How far the coverage curves of a family of models are moved against each other along log k."""

from bisect import bisect_left
from collections.abc import Mapping

import numpy as np
import pandas as pd

from monkeys.analysis.coverage import coverage


def shifts(tallies: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The number of samples with which each model of a family gets as far as the best does with one.

    Drawn against k / k_m, the curves of a family lie on each other, where k_m is the natural number whose pass@k is
    closest to the anchor, the family's largest pass@1 (Brown et al. 2024, arXiv 2407.21787, section 3.2, Fig. 6).

    Args:
        tallies: By model, columns samples, correct; a row per problem of one task.

    Returns:
        Columns model, anchor, k (k_m, the smallest of those equally close) and coverage_at_k, a row per model. A
        curve that stays below the anchor gets the k at which it is highest. Without a correct sample, of this model
        or in the whole family, k is null and coverage_at_k NaN.
    """

    def at(model: str, k: int) -> float:
        return float(coverage(tallies[model]["samples"], tallies[model]["correct"], [k])[0])

    def closest(model: str) -> float:
        largest = int(tallies[model]["samples"].min())
        top = at(model, largest) if largest else np.nan
        if not (anchor > 0 and top > 0):
            return np.nan
        # the curve never falls, so the closest is the first k that reaches the anchor, or the one before
        k = 1 + bisect_left(range(1, largest), min(anchor, top), key=lambda k: at(model, k))
        return k - 1 if k > 1 and anchor - at(model, k - 1) <= abs(at(model, k) - anchor) else k

    anchor = float(np.max([at(model, 1) for model in tallies], initial=0.0))
    ks = {model: closest(model) for model in tallies}
    reached = [np.nan if np.isnan(k) else at(model, int(k)) for model, k in ks.items()]
    table = pd.DataFrame({"model": list(ks), "anchor": anchor, "k": list(ks.values()), "coverage_at_k": reached})
    return table.astype({"k": "Int64"})
