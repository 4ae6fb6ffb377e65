"""Exponentiated power law that the paper fits to coverage: c ≈ exp(a k^b)."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import curve_fit

from monkeys.analysis.coverage import coverage


@dataclass(frozen=True)
class PowerLaw:
    """A fit and its error; NaN where no fit exists."""

    a: float
    b: float
    error_mean: float
    """Mean of |coverage − fit| over 100 log-spaced k."""
    error_sd: float
    """Population standard deviation of |coverage − fit| over the same k."""

    def __call__(self, ks: ArrayLike) -> NDArray[np.float64]:
        """Fitted coverage, shape of `ks`."""
        return np.exp(self.a * np.asarray(ks, dtype=np.float64) ** self.b)


UNDEFINED = PowerLaw(math.nan, math.nan, math.nan, math.nan)


def log_spaced(largest: int, points: int) -> NDArray[np.int64]:
    """`points` log-spaced numbers from 1 to `largest`, truncated to integers, duplicates kept."""
    return np.logspace(0, np.log10(largest), points).astype(np.int64)


def fit_exponent(ks: ArrayLike, measured: ArrayLike) -> tuple[float, float]:
    """Fit a and b of exp(a k^b) by unweighted least squares on log coverage; NaN if there is no fit.

    Args:
        ks: Distinct numbers of samples, shape (ks,).
        measured: Coverage at each, shape (ks,).
    """
    ks, measured = np.asarray(ks, dtype=np.float64), np.asarray(measured)
    if len(ks) < 3 or not (measured > 0).all():
        return math.nan, math.nan
    try:
        (a, b), _ = curve_fit(lambda k, a, b: a * k**b, ks, np.log(measured), p0=(-1, -0.3))
    except RuntimeError:  # the search did not converge
        return math.nan, math.nan
    return float(a), float(b)


def fit_power_law(tally: pd.DataFrame) -> PowerLaw:
    """Fit log c = a k^b so that the published numbers of Brown et al. 2024, Fig. 5, are reproduced.

    Unweighted least squares on log c at the distinct values of 20 log-spaced k (the paper's text says 40, but 20
    reproduces its numbers); the error is taken over 100 log-spaced k, duplicates kept.

    Args:
        tally: Columns samples, correct; a row per problem.

    Returns:
        The fit; NaN if no sample is correct or fewer than three k are distinct.
    """
    largest = int(tally["samples"].min())
    if largest < 1 or not tally["correct"].any():
        return UNDEFINED
    ks = np.unique(log_spaced(largest, 20))
    a, b = fit_exponent(ks, coverage(tally["samples"], tally["correct"], ks))
    if math.isnan(a):
        return UNDEFINED
    ks = log_spaced(largest, 100)
    error = np.abs(coverage(tally["samples"], tally["correct"], ks) - np.exp(a * ks.astype(np.float64) ** b))
    return PowerLaw(a, b, float(error.mean()), float(error.std()))
