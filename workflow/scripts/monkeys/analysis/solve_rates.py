"""Solve rate of each problem: its fraction of correct samples."""

import numpy as np
import pandas as pd
from scipy.special import betaincinv


def solve_rates(tally: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Solve rates with Jeffreys intervals, lowest first.

    The interval is the central part of Beta(C + ½, N − C + ½), the posterior of the rate after C of N correct samples
    under Jeffreys' prior; its low end is 0 if C = 0 and its high end 1 if C = N (Brown, Cai and DasGupta 2001, section
    4.3).

    Args:
        tally: Columns problem_id, samples, correct; a row per problem.
        confidence: Probability of the interval, such as 0.95.

    Returns:
        Columns problem_id, samples, correct, rate, low, high, sorted by rate, then problem_id; problems without samples
        are NaN and last.

    Raises:
        ValueError: correct outside 0…samples.
    """
    n, c = (tally[column].to_numpy(np.float64) for column in ("samples", "correct"))
    if ((c < 0) | (c > n)).any():
        raise ValueError("correct must lie between 0 and samples")
    sampled = n > 0
    low, high = (betaincinv(c + 0.5, n - c + 0.5, tail) for tail in ((1 - confidence) / 2, (1 + confidence) / 2))
    rates = tally[["problem_id", "samples", "correct"]].assign(
        rate=np.divide(c, n, out=np.full(len(n), np.nan), where=sampled),
        low=np.where(sampled, np.where(c == 0, 0.0, low), np.nan),
        high=np.where(sampled, np.where(c == n, 1.0, high), np.nan),
    )
    return rates.sort_values(["rate", "problem_id"], ignore_index=True)


def never_solved(tally: pd.DataFrame) -> list[str]:
    """Ids of problems with samples but no correct one, in the order of the tally (problem_id, samples, correct)."""
    return tally.loc[(tally["samples"] > 0) & (tally["correct"] == 0), "problem_id"].tolist()
