"""Coverage: the expected fraction of problems that at least one of k samples solves."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln


def pass_at_k(samples: ArrayLike, correct: ArrayLike, ks: ArrayLike) -> NDArray[np.float64]:
    """Unbiased estimate, per problem, of the probability that at least one of k samples is correct.

    1 − C(N − C, k) / C(N, k), the probability that k of the N samples, drawn without replacement, include one of the C
    correct ones (Chen et al. 2021, arXiv 2107.03374, eq. 1; Brown et al. 2024, arXiv 2407.21787, eq. 1), computed with
    log-gamma functions.

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,), 0 ≤ C ≤ N.
        ks: Numbers of samples, shape (ks,), positive integers.

    Returns:
        Shape (problems, ks), values in [0, 1]; NaN where k exceeds a problem's samples.

    Raises:
        ValueError: C outside 0…N, or a k that is not a positive integer.
    """
    n = np.asarray(samples, dtype=np.float64)[:, None]
    c = np.asarray(correct, dtype=np.float64)[:, None]
    k = np.asarray(ks, dtype=np.float64)[None, :]
    if ((c < 0) | (c > n)).any():
        raise ValueError("correct must lie between 0 and samples")
    if ((k < 1) | (k != np.floor(k))).any():
        raise ValueError("k must be a positive integer")
    wrong = n - c
    certain = wrong < k  # fewer wrong samples than draws
    wrong_left = np.where(certain, 0.0, wrong - k)
    left = np.where(k <= n, n - k, 0.0)
    log_none = gammaln(wrong + 1) - gammaln(wrong_left + 1) - gammaln(n + 1) + gammaln(left + 1)
    estimate = np.where(certain, 1.0, -np.expm1(np.minimum(log_none, 0.0)))
    estimate = np.where(c == 0, 0.0, estimate)
    return np.where(k <= n, estimate, np.nan)


def coverage(samples: ArrayLike, correct: ArrayLike, ks: ArrayLike) -> NDArray[np.float64]:
    """Mean of `pass_at_k` over problems, shape (ks,); NaN where k exceeds any problem's samples."""
    return pass_at_k(samples, correct, ks).mean(axis=0)


def log_grid(largest: int, per_decade: int = 20) -> NDArray[np.int64]:
    """Increasing k from 1 to `largest` inclusive, about `per_decade` of them per factor of ten."""
    points = max(2, 1 + int(np.ceil(per_decade * np.log10(max(largest, 1)))))
    return np.unique(np.round(np.logspace(0, np.log10(max(largest, 1)), points)).astype(np.int64))


def round_grid(largest: int) -> NDArray[np.int64]:
    """Round k: 1, 2, 5, 10, 20, … below `largest`, and `largest`."""
    digits = range(len(str(largest)))
    return np.array([k for e in digits for m in (1, 2, 5) if (k := m * 10**e) < largest] + [largest], dtype=np.int64)


def budget(tally: pd.DataFrame) -> int:
    """Budget of a tally: the largest k for which every problem has k samples."""
    return int(tally["samples"].min())


def curve_ks(tally: pd.DataFrame) -> NDArray[np.int64]:
    """Values of k for a curve: log-spaced and round numbers up to the tally's budget."""
    return np.union1d(log_grid(budget(tally)), round_grid(budget(tally)))
