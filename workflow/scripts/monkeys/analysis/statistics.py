"""Single numbers that describe the samples of one task and model: averages, reliability, and where errors come from."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

KS = (4, 8, 16)
"""Numbers of samples k of pass^k and G-Pass@k."""
SHARES = (0.5, 0.75)
"""Shares τ of correct samples of G-Pass@k; 1 is pass^k."""
RATES = (0.001, 0.01, 0.1, 0.5)
"""Solve rates τ of Cover@τ."""


def g_pass_at_k(samples: ArrayLike, correct: ArrayLike, k: int, share: float) -> float:
    """G-Pass@k: the expected fraction of problems of which at least a share of k samples is correct.

    The mean over problems of P(H ≥ ⌈share · k⌉), H the number of correct ones among k of the N samples, drawn without
    replacement (Liu et al. 2024, arXiv 2412.13147). With share 1 it is pass^k (Yao et al. 2024, arXiv
    2406.12045), with share 1 / k pass@k.

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,).
        k: Number of samples.
        share: Share of correct samples, in (0, 1].

    Returns:
        NaN where k exceeds any problem's samples.
    """
    if k > np.min(samples):
        return np.nan
    needed = np.ceil(share * k - 1e-9)  # 0.07 · 100 is slightly more than 7
    return float(hypergeom.sf(needed - 1, samples, correct, k).mean())


def bayes_at_n(samples: ArrayLike, correct: ArrayLike) -> tuple[float, float]:
    """Bayes@N: the posterior mean of the average solve rate of these problems, and its standard deviation.

    Every solve rate has the prior Beta(1, 1), so its posterior is Beta(C + 1, N − C + 1) (Hariri et al. 2025, arXiv
    2510.04265).

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,).
    """
    n, c = np.asarray(samples, np.float64), np.asarray(correct, np.float64)
    mean = (c + 1) / (n + 2)
    return float(mean.mean()), float(np.sqrt((mean * (1 - mean) / (n + 3)).sum()) / len(n))


def cover(samples: ArrayLike, correct: ArrayLike, rate: float) -> float:
    """Cover@τ: the fraction of problems whose solve rate C / N is at least τ (arXiv 2510.08325)."""
    return float((np.asarray(correct) >= rate * np.asarray(samples) - 1e-9).mean())


def intraclass_correlation(samples: ArrayLike, correct: ArrayLike) -> float:
    """Correlation of two samples of the same problem: the share of the variance that lies between problems.

    The estimate from a one-way analysis of variance with unequal group sizes, which may be negative (Donner 1986, "A
    review of inference procedures for the intraclass correlation coefficient in the one-way random effects model").

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,).

    Returns:
        NaN with a single problem, with one sample per problem, and if all samples have the same outcome.
    """
    n, c = np.asarray(samples, np.float64), np.asarray(correct, np.float64)
    total, problems = n.sum(), len(n)
    if problems < 2 or total == problems or c.sum() in (0, total):
        return np.nan
    between = (n * (c / n - c.sum() / total) ** 2).sum() / (problems - 1)
    within = (c * (n - c) / n).sum() / (total - problems)
    size = (total - (n**2).sum() / total) / (problems - 1)
    return float((between - within) / (between + (size - 1) * within))


def average(samples: ArrayLike, correct: ArrayLike) -> tuple[float, float, float]:
    """avg@N, the mean solve rate, with two standard errors.

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,).

    Returns:
        The mean; its error as an estimate for all problems of the same kind (from the variance between estimated solve
        rates, so finite numbers of samples are in it; NaN for a single problem); and its error as an estimate for these
        very problems, from finite numbers of samples alone (NaN if a problem has only one sample).
    """
    n, c = np.asarray(samples, np.float64), np.asarray(correct, np.float64)
    rates, problems = c / n, len(n)
    over_problems = rates.std(ddof=1) / np.sqrt(problems) if problems > 1 else np.nan
    over_samples = np.sqrt((rates * (1 - rates) / (n - 1)).sum()) / problems if n.min() > 1 else np.nan
    return float(rates.mean()), float(over_problems), float(over_samples)


def statistics(tally: pd.DataFrame) -> dict[str, float]:
    """All of them for one tally (columns samples, correct; a row per problem, with at least one sample each)."""
    counts: tuple[NDArray[np.int64], NDArray[np.int64]]
    counts = tally["samples"].to_numpy(np.int64), tally["correct"].to_numpy(np.int64)
    mean, over_problems, over_samples = average(*counts)
    bayes, bayes_sd = bayes_at_n(*counts)
    correlation = intraclass_correlation(*counts)
    return {
        "problems": len(tally),
        "samples": int(counts[0].min()),
        "average": mean,
        "average_se": over_problems,
        "average_se_samples": over_samples,
        "bayes": bayes,
        "bayes_se": bayes_sd,
        "correlation": correlation,
        "effective_samples": 1 / correlation if correlation > 0 else np.nan,
        **{f"pass^{k}": g_pass_at_k(*counts, k, 1) for k in KS},
        **{f"g_pass@{k}_{share}": g_pass_at_k(*counts, k, share) for k in KS for share in SHARES},
        **{f"cover@{rate}": cover(*counts, rate) for rate in RATES},
    }
