"""Intervals of coverage: for all problems of the same kind, or for the same problems with infinitely many samples."""

from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betaln, digamma, expit, logit, polygamma
from scipy.stats import norm

from monkeys.analysis.coverage import pass_at_k
from monkeys.study.analysis import Over

MAX_SHARE = 10
"""An interval over samples needs this many times k samples, because the variance is known too poorly otherwise."""
MAX_ERROR = 0.25
"""Largest standard error of the logit of coverage for which the normal approximation over samples holds."""

Limits = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Lower and upper limits."""


class Intervals(TypedDict):
    """Settings of intervals; see `coverage_curve`."""

    over: Over
    draws: int
    confidence: float
    seed: int


def coverage_curve(
    tally: pd.DataFrame, ks: ArrayLike, over: Over, draws: int, confidence: float, seed: int
) -> pd.DataFrame:
    """Coverage of one tally with an interval.

    Args:
        tally: Columns samples, correct; a row per problem.
        ks: Numbers of samples, shape (ks,).
        over: What would be drawn again.
        draws: Bootstrap draws of an interval over problems.
        confidence: Confidence level of the interval, such as 0.95.
        seed: Seed of the bootstrap.

    Returns:
        Columns k, coverage, low, high; NaN where k exceeds any problem's samples, low and high also where an interval
        over samples is undefined, and without intervals.
    """
    ks, samples, correct = np.asarray(ks), tally["samples"].to_numpy(), tally["correct"].to_numpy()
    low, high = np.full((2, len(ks)), np.nan)
    defined = ks <= samples.min()
    if over == "problems":
        rng = np.random.default_rng(seed)
        low[defined], high[defined] = over_problems(samples, correct, ks[defined], draws, confidence, rng)
    elif over == "samples":
        low[defined], high[defined] = over_samples(samples, correct, ks[defined], confidence)
    mean = pass_at_k(samples, correct, ks).mean(axis=0)
    return pd.DataFrame({"k": ks, "coverage": mean, "low": low, "high": high})


def over_problems(
    samples: ArrayLike,
    correct: ArrayLike,
    ks: NDArray[np.int64],
    draws: int,
    confidence: float,
    rng: np.random.Generator,
) -> Limits:
    """Interval for the coverage of the population that the problems were drawn from.

    A parametric bootstrap-t on the logit of coverage (Efron and Tibshirani 1993, section 12.5; Davison and Hinkley
    1997, section 5.2): studies are drawn from a beta-binomial model of the tally, and tell how far an estimate is from
    its truth in units of its standard error. Each study has parameters of its own, from their approximate sampling
    distribution, because the fitted ones are uncertain. Where `mean_bound` is tighter it replaces a limit.

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,).
        ks: Numbers of samples, shape (ks,), none larger than any N.
        draws: Number of simulated studies.
        confidence: Confidence level.
        rng: Source of randomness.

    Returns:
        Limits, shape (ks,) each, with the estimate between them.
    """
    samples, correct = np.asarray(samples), np.asarray(correct)
    tails = [(1 + confidence) / 2, (1 - confidence) / 2]
    by_problem = pass_at_k(samples, correct, ks)
    centre, information = fit_beta_binomial(samples, correct)
    scale, axes = np.linalg.eigh(information)
    spread = axes / np.sqrt(np.maximum(scale, 0.01))  # a direction about which the tally says nothing stays bounded
    alpha, beta = np.exp(np.clip(centre + rng.standard_normal((draws, 2)) @ spread.T, -12, 16)).T[:, :, None]
    counts = rng.binomial(samples, rng.beta(alpha, beta, (draws, len(samples))))
    codes, place = np.unique(counts * (samples.max() + 1) + samples, return_inverse=True)
    count, size = np.divmod(codes, samples.max() + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        truth = logit(-np.expm1(betaln(alpha, beta + ks) - betaln(alpha, beta)))
        pivots = np.empty((draws, len(ks)))
        for i, k in enumerate(ks):  # one k at a time: all simulated studies times all k would take gigabytes
            estimate, error = _logit_mean(pass_at_k(size, count, [k])[place].reshape(counts.shape).T)
            off = estimate - truth[:, i]
            # an estimate of 0 or 1 is infinitely far from its truth
            pivots[:, i] = np.where(np.isfinite(estimate), off / error, off)
        pivots = np.nan_to_num(pivots, posinf=np.inf, neginf=-np.inf)
        at_low, at_high = np.quantile(pivots, tails, axis=0, method="inverted_cdf")  # may be infinite
        estimate, error = _logit_mean(by_problem)
        error[error == 0] = np.nan
        low, high = expit(estimate - at_low * error), expit(estimate - at_high * error)
    least, largest = mean_bound(by_problem, draws, confidence, rng)
    mean = by_problem.mean(axis=0)
    return np.minimum(np.fmax(low, least), mean), np.maximum(np.fmin(high, largest), mean)


def _logit_mean(values: NDArray[np.float64]) -> Limits:
    """Logit of the mean over the first axis, and its standard error."""
    mean = values.mean(axis=0)
    deviation = np.sqrt(np.square(values - mean).sum(axis=0) / (len(values) - 1 or np.nan) / len(values))
    return logit(mean), deviation / (mean * (1 - mean))


def mean_bound(values: NDArray[np.float64], draws: int, confidence: float, rng: np.random.Generator) -> Limits:
    """Interval for the mean of any distribution on [0, 1], from independent values.

    The bound of Gaffke (2005), as in Learned-Miller and Thomas (2019, arXiv 1905.06208): quantiles of the mean of the
    values and one more, 0 for the lower limit and 1 for the upper one, under random weights uniform on the simplex. For
    values of 0 and 1 it is the Clopper-Pearson interval. That it always holds is conjectured; no counterexample is
    known.

    Args:
        values: Shape (values, means).
        draws: Number of random weights.
        confidence: Confidence level.
        rng: Source of randomness.

    Returns:
        Limits, shape (means,) each.
    """
    weights = rng.dirichlet(np.ones(len(values) + 1), draws)
    means = weights[:, 1:] @ values
    low = np.quantile(means, (1 - confidence) / 2, axis=0)
    return low, np.quantile(means + weights[:, :1], (1 + confidence) / 2, axis=0)


def fit_beta_binomial(samples: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Maximum-likelihood fit of a beta distribution of solve rates to counts.

    The likelihood is that of Kazdan et al. 2025, arXiv 2510.05197: Π B(α + C, β + N − C) / B(α, β).

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,).

    Returns:
        Logarithms of α and β, shape (2,), within −10 and 14, and their observed information, shape (2, 2).
    """
    (n, c), times = np.unique([samples, correct], axis=1, return_counts=True)

    def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        a, b = np.exp(logs)
        both = digamma(a + b) - digamma(a + b + n)
        slopes = times @ (digamma(a + c) - digamma(a) + both), times @ (digamma(b + n - c) - digamma(b) + both)
        return -times @ (betaln(a + c, b + n - c) - betaln(a, b)), -np.array(slopes) * (a, b)

    mean = (times @ c + 0.5) / (times @ n + 1)
    start = np.log([mean, 1 - mean]) - np.log(max(mean, 1 - mean)) - 1
    logs = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-10, 14)] * 2).x
    a, b = np.exp(logs)
    both = polygamma(1, a + b) - polygamma(1, a + b + n)
    own = polygamma(1, a + c) - polygamma(1, a), polygamma(1, b + n - c) - polygamma(1, b)
    curvature = times @ both + np.diag([times @ own[0], times @ own[1]])
    return logs, -curvature * np.outer((a, b), (a, b))


def over_samples(samples: ArrayLike, correct: ArrayLike, ks: NDArray[np.int64], confidence: float) -> Limits:
    """Interval for the coverage of exactly these problems, from infinitely many samples.

    Normal on the logit scale. With q = 1 − pass@k, the unbiased estimate of the variance of q_k is q_k² − q_2k, because
    q_2k estimates (1 − p)^2k (Hoeffding 1948, for U-statistics).

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,).
        ks: Numbers of samples, shape (ks,), none larger than any N.
        confidence: Confidence level.

    Returns:
        Limits, shape (ks,) each; NaN where k > 1 exceeds a tenth of any N, where 2 k exceeds any N, and where the
        standard error of the logit is 0 or exceeds `MAX_ERROR`.
    """
    fewest = np.min(samples)
    known = (2 * ks <= fewest) & ((ks == 1) | (MAX_SHARE * ks <= fewest))
    once = pass_at_k(samples, correct, ks)
    twice = pass_at_k(samples, correct, np.where(known, 2 * ks, 1))
    mean = once.mean(axis=0)
    variance = np.maximum(once**2 - 2 * once + twice, 0).sum(axis=0) / len(once) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(variance) / (mean * (1 - mean))
        error[~known | ~(error > 0) | (error > MAX_ERROR)] = np.nan
        half = norm.ppf((1 + confidence) / 2) * error
        return expit(logit(mean) - half), expit(logit(mean) + half)
