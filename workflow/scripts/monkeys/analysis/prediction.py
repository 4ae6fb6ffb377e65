"""Coverage at more samples than were drawn, and back-tests of such predictions on the samples that exist."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from monkeys.analysis import distributions
from monkeys.analysis.coverage import coverage, pass_at_k
from monkeys.analysis.power_law import fit_exponent, log_spaced

Array = NDArray[np.float64]
Prediction = tuple[Array, Array, Array]
"""Coverage and the ends of its interval, shape (ks,) each."""

RESAMPLES = 200
"""Bootstrap resamples of the problems, for laws that are fitted to the coverage curve."""
SHARES = (0.01, 0.03, 0.1, 0.3)
"""Shares of the samples that a back-test fits."""
FEWEST = 4
"""Fewest samples per problem that a back-test fits."""
ORDERS = 5
"""Random orders of the samples in a back-test."""
NEVER = 10**12
"""Samples per problem beyond which nothing is predicted."""


def log_log(samples: ArrayLike, correct: ArrayLike, ks: Array, confidence: float) -> Prediction:
    """Power law −log c = a k^−b: least squares of log(−log c) on log k at the distinct of 100 log-spaced k.

    As in Schaeffer et al. 2025, arXiv 2502.17578, section 2, and as a baseline in Kazdan et al. 2025, arXiv 2510.05197.
    Points where coverage is 0 or 1 are left out. The interval is that of a bootstrap over problems.

    Args:
        samples: Per problem, shape (problems,), positive.
        correct: Per problem, shape (problems,).
        ks: Numbers of samples, shape (ks,).
        confidence: Confidence level of the interval.

    Returns:
        NaN with fewer than three points.
    """
    fitted_at = np.unique(log_spaced(int(np.min(samples)), 100))
    x = np.log(fitted_at)

    def extrapolate(curves: Array) -> Array:
        usable = (curves > 0) & (curves < 1)
        y = np.log(-np.log(np.where(usable, curves, 0.5)))
        points = usable.sum(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_x, mean_y = ((usable * v).sum(axis=-1, keepdims=True) / points for v in (x, y))
            slope = (usable * (x - mean_x) * (y - mean_y)).sum(axis=-1, keepdims=True)
            slope /= (usable * (x - mean_x) ** 2).sum(axis=-1, keepdims=True)
            return np.where(points < 3, np.nan, np.exp(-np.exp(mean_y + slope * (np.log(ks) - mean_x))))

    curves = _curves(samples, correct, fitted_at)
    return _percentiles(extrapolate(curves[:1])[0], extrapolate(curves[1:]), confidence)


def exponentiated(samples: ArrayLike, correct: ArrayLike, ks: Array, confidence: float) -> Prediction:
    """Power law c = exp(a k^b), fitted to log c as in Brown et al. 2024, arXiv 2407.21787 (see `power_law`).

    The interval is that of a bootstrap over problems, in which b is one of 500 values.

    Args:
        samples: Per problem, shape (problems,), positive.
        correct: Per problem, shape (problems,).
        ks: Numbers of samples, shape (ks,).
        confidence: Confidence level of the interval.

    Returns:
        NaN without a correct sample or with fewer than three distinct k.
    """
    fitted_at = np.unique(log_spaced(int(np.min(samples)), 20))
    curves = _curves(samples, correct, fitted_at)
    a, b = fit_exponent(fitted_at, curves[0])
    # for each b, the best a is that of a projection on k^b; the best b has the longest one
    exponents = -np.geomspace(1e-3, 5, 500)
    powers = fitted_at ** exponents[:, None]
    norms = np.sqrt((powers**2).sum(axis=1))
    solved = curves[1:][(curves[1:] > 0).all(axis=1)]
    projections = np.log(solved) @ (powers / norms[:, None]).T
    best = projections.argmin(axis=1)
    factors = projections[np.arange(len(best)), best] / norms[best]
    return _percentiles(np.exp(a * ks**b), np.exp(factors[:, None] * ks ** exponents[best, None]), confidence)


def _curves(samples: ArrayLike, correct: ArrayLike, ks: ArrayLike) -> Array:
    """Coverage of the problems and, in the other rows, of resampled problems; shape (1 + RESAMPLES, ks)."""
    by_problem = pass_at_k(samples, correct, ks)
    problems = len(by_problem)
    weights = np.random.default_rng(0).multinomial(problems, np.full(problems, 1 / problems), size=RESAMPLES)
    return np.vstack([by_problem.mean(axis=0), weights @ by_problem / problems])


def _percentiles(point: Array, resampled: Array, confidence: float) -> Prediction:
    """A prediction with the percentiles of those from resampled problems; NaN if it or all of those are undefined."""
    resampled = resampled[np.isfinite(resampled).all(axis=1)]
    if np.isnan(point).any() or not len(resampled):
        undefined = np.full(len(point), np.nan)
        return undefined, undefined, undefined
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return point, np.minimum(low, point), np.maximum(high, point)


METHODS: dict[str, Callable[[ArrayLike, ArrayLike, Array, float], Prediction]] = {
    "log_log": log_log,
    "exponentiated": exponentiated,
    "beta_binomial": partial(distributions.predict, distributions.BetaBinomial),
    "zero_inflated": partial(distributions.predict, distributions.ZeroInflated),
    "scaled_beta": partial(distributions.predict, distributions.ScaledBeta),
    "kumaraswamy": partial(distributions.predict, distributions.Kumaraswamy),
    "empirical_bayes": partial(distributions.predict, distributions.EmpiricalBayes),
}
"""Methods by name: from samples, correct, ks and a confidence level to a prediction; NaN where undefined."""


def predictions(samples: ArrayLike, correct: ArrayLike, ks: ArrayLike, confidence: float) -> pd.DataFrame:
    """Predicted coverage by every method.

    Args:
        samples: Per problem, shape (problems,), positive.
        correct: Per problem, shape (problems,).
        ks: Numbers of samples, shape (ks,).
        confidence: Confidence level of the intervals.

    Returns:
        Columns method, k, coverage, low, high; NaN where a method is undefined.
    """
    at = np.asarray(ks)
    parts = []
    for name, method in METHODS.items():
        point, low, high = method(samples, correct, at.astype(np.float64), confidence)
        parts.append(pd.DataFrame({"method": name, "k": at, "coverage": point, "low": low, "high": high}))
    return pd.concat(parts, ignore_index=True)


def back_test(samples: ArrayLike, correct: ArrayLike, confidence: float, seed: int) -> pd.DataFrame:
    """Coverage of all samples, as predicted from the first ones of random orders.

    The correct ones among the first n of N samples in a random order are hypergeometric, so no order is drawn.

    Args:
        samples: Per problem, shape (problems,), positive.
        correct: Per problem, shape (problems,).
        confidence: Confidence level of the intervals.
        seed: Seed of the random orders.

    Returns:
        Columns method, samples (fitted), order, k (the largest that all problems have), coverage (measured at k),
        predicted, low, high; NaN where a method is undefined; empty with fewer than 14 samples per problem.
    """
    rng, right, wrong = np.random.default_rng(seed), np.asarray(correct), np.asarray(samples) - np.asarray(correct)
    k = int(np.min(samples))
    (measured,) = coverage(samples, correct, [k])
    columns = {"method": object, **dict.fromkeys(("samples", "order", "k"), np.int64)}
    columns |= dict.fromkeys(("coverage", "predicted", "low", "high"), np.float64)
    parts = [pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})]
    for first in sorted({size for share in SHARES if (size := int(share * k)) >= FEWEST}):
        for order in range(ORDERS):
            drawn = rng.hypergeometric(right, wrong, first)
            found = predictions(np.full(len(drawn), first), drawn, [k], confidence)
            found = found.rename(columns={"coverage": "predicted"})
            parts.append(found.assign(samples=first, order=order, coverage=measured)[list(columns)])
    return pd.concat(parts, ignore_index=True)


def back_test_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors of every method in a back-test, and the method with the smallest.

    Args:
        rows: From `back_test`. Repeats in which no method is defined, for lack of a correct sample, do not count.

    Returns:
        A row per method: method, repeats, defined (share of the repeats), error (mean of |predicted − measured| /
        measured), bias (mean of (predicted − measured) / measured), calibration (share of the intervals that hold the
        measured coverage), recommended (the smallest error of those that are always defined).
    """
    repeat = [rows["samples"], rows["order"]]
    rows = rows[rows["predicted"].notna().groupby(repeat).transform("any").astype(bool)]
    known = rows["predicted"].notna()
    relative = rows["predicted"] / rows["coverage"] - 1
    inside = (rows["low"] <= rows["coverage"]) & (rows["coverage"] <= rows["high"])
    by_method = rows.assign(
        defined=known.astype(float), error=relative.abs(), bias=relative, calibration=inside.astype(float).where(known)
    ).groupby("method")
    table = by_method[["defined", "error", "bias", "calibration"]].mean()
    table.insert(0, "repeats", by_method.size())
    table = table.reindex(METHODS).rename_axis("method").fillna({"repeats": 0}).astype({"repeats": int})
    eligible = table["error"][table["defined"] == 1]
    best = None if eligible.empty else eligible.idxmin()
    return table.assign(recommended=table.index == best).reset_index()


def samples_until(
    samples: ArrayLike, correct: ArrayLike, method: str, target: float, confidence: float
) -> tuple[float, float, float]:
    """Samples per problem at which predicted coverage reaches a target.

    Args:
        samples: Per problem, shape (problems,), positive.
        correct: Per problem, shape (problems,).
        method: One of `METHODS`.
        target: Coverage, between 0 and 1.
        confidence: Confidence level of the interval.

    Returns:
        The number, and the ends of its interval; infinite if 10¹² samples do not reach the target, NaN where the
        method is undefined.
    """
    ks = np.logspace(0, np.log10(NEVER), 481)
    point, low, high = METHODS[method](samples, correct, ks, confidence)
    if np.isnan(point).any():
        return np.nan, np.nan, np.nan
    expected, earliest, latest = (
        float(ks[np.argmax(curve >= target)]) if (curve >= target).any() else np.inf for curve in (point, high, low)
    )
    return expected, earliest, latest
