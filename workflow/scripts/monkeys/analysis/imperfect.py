"""Coverage and resampling with a verifier that errs: it accepts some wrong samples and rejects some correct ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from monkeys.analysis.coverage import pass_at_k

GRID = np.concatenate([[0.0], np.logspace(-6, 0, 241)])
"""True solve rates to which a study's problems are assigned, with 0 for problems that the model cannot solve."""

RESAMPLES = 100
"""Bootstrap resamples of the problems; each is a fit of its own."""

Weights = NDArray[np.float64]
"""Share of problems with each rate of `GRID`."""


class Bootstrap(TypedDict):
    """Settings of the intervals of `corrected_curve`."""

    confidence: float
    seed: int


@dataclass(frozen=True)
class ErrorRates:
    """How often a verifier errs."""

    false_positive: float
    """Fraction of wrong samples that it accepts, in [0, 1)."""
    false_negative: float
    """Fraction of correct samples that it rejects, in [0, 1)."""

    def __post_init__(self) -> None:
        if not 0 <= self.false_positive < 1 - self.false_negative <= 1:
            raise ValueError(
                "a verifier must accept more of the correct samples than of the wrong ones: false_positive "
                f"{self.false_positive:g}, false_negative {self.false_negative:g}"
            )

    def accepted(self, rates: ArrayLike) -> NDArray[np.float64]:
        """Probability that a sample is accepted, given the probability that it is correct."""
        p = np.asarray(rates, dtype=np.float64)
        return p * (1 - self.false_negative) + (1 - p) * self.false_positive


def true_rates(
    accepted: ArrayLike,
    samples: ArrayLike,
    errors: ErrorRates,
    counts: ArrayLike | None = None,
    start: Weights | None = None,
    iterations: int = 500,
) -> Weights:
    """Distribution of the problems' true solve rates, by maximum likelihood.

    The nonparametric maximum-likelihood estimate of a mixing distribution (Kiefer and Wolfowitz 1956) on `GRID`, by
    the EM algorithm: problem i has `accepted_i` of `samples_i` samples accepted, binomial with the probability
    `errors.accepted(p)`. Correcting each problem's rate alone would not do: with false positives, problems that
    the model never solves get small positive rates by chance, which count fully at large k.

    Args:
        accepted: Samples that the verifier accepts, shape (problems,).
        samples: Samples, shape (problems,).
        errors: Error rates of the verifier.
        counts: How often each problem counts, such as in resamples of the problems, shape (…, problems).
        start: Where the algorithm starts, such as an estimate from all problems, shape (rates,).
        iterations: Steps of the EM algorithm.

    Returns:
        Weights of the rates of `GRID`, shape (…, rates).
    """
    accepted, samples = np.asarray(accepted)[:, None], np.asarray(samples)[:, None]
    log_likelihood = binom.logpmf(accepted, samples, errors.accepted(GRID))
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    times = np.ones(len(likelihood)) if counts is None else np.asarray(counts, dtype=np.float64)
    uniform = np.full((*times.shape[:-1], GRID.size), 1 / GRID.size)
    weights = uniform if start is None else 0.9 * start + 0.1 * uniform  # a weight of 0 would stay 0
    for _ in range(iterations):
        mixture = np.maximum(weights @ likelihood.T, np.finfo(float).tiny)  # 0 for a problem that counts 0 times
        weights *= (times / mixture) @ likelihood / times.sum(axis=-1, keepdims=True)
    return weights


def true_coverage(weights: Weights, ks: ArrayLike) -> NDArray[np.float64]:
    """Fraction of problems that at least one of k samples truly solves, shape (…, ks)."""
    ks = np.asarray(ks, dtype=np.float64)
    return weights @ -np.expm1(ks * np.log1p(-np.minimum(GRID, 1 - 1e-15))[:, None])


def resampling(weights: Weights, ks: ArrayLike, errors: ErrorRates) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Chances that resampling until the verifier accepts, at most K times, ends with a correct and a wrong sample.

    For a problem with rate p, whose samples are accepted with probability q, they are p (1 − fn) / q and (1 − p) fp / q
    times 1 − (1 − q)^K. At unlimited K their sum is 1 wherever q > 0, so the first is the ceiling of resampling
    (Stroebl et al. 2024, arXiv 2411.17501, section 3).

    Args:
        weights: From `true_rates`.
        ks: Largest numbers of attempts K, shape (ks,); infinity for no limit.
        errors: Error rates of the verifier.

    Returns:
        Both chances, means over problems, each of shape (ks,).
    """
    ks = np.asarray(ks, dtype=np.float64)[:, None]
    q = errors.accepted(GRID)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.where(q > 0, -np.expm1(ks * np.log1p(-np.minimum(q, 1 - 1e-15))) / q, 0)
    right = ends * GRID * (1 - errors.false_negative)
    wrong = ends * (1 - GRID) * errors.false_positive
    return right @ weights, wrong @ weights


def best_attempts(right: ArrayLike, wrong: ArrayLike, ks: Sequence[int], cost: float) -> tuple[int, float]:
    """The K with the largest reward, and the reward: 1 for a correct sample, −cost for a wrong one, 0 for none.

    K is 0 if no attempt is worth it.

    Args:
        right: Chance of a correct sample by K.
        wrong: Chance of a wrong sample by K.
        ks: The values of K.
        cost: Cost of a wrong sample.
    """
    reward = np.asarray(right) - cost * np.asarray(wrong)
    best = int(reward.argmax())
    return (ks[best], float(reward[best])) if reward[best] > 0 else (0, 0.0)


def corrected_curve(
    tally: pd.DataFrame, ks: ArrayLike, errors: ErrorRates, confidence: float, seed: int
) -> pd.DataFrame:
    """Coverage of a tally behind a verifier that errs, and what resampling until it accepts reaches.

    Args:
        tally: Columns samples, correct (accepted by the verifier); a row per problem.
        ks: Numbers of samples, shape (ks,).
        errors: Error rates of the verifier, taken as known.
        confidence: Confidence level of the interval over problems (percentiles of `RESAMPLES` of them).
        seed: Seed of the resamples.

    Returns:
        Columns k, accepted (problems with an accepted sample), coverage (truly solved), low, high, right and wrong
        (ends of resampling), ceiling (of right, at unlimited k; NaN without false positives, where it would be the
        fraction of problems with any chance, which samples cannot tell).
    """
    ks = np.asarray(ks)
    problems = len(tally)
    weights = true_rates(tally["correct"], tally["samples"], errors)
    right, wrong = resampling(weights, ks, errors)
    counts = np.random.default_rng(seed).multinomial(problems, np.full(problems, 1 / problems), size=RESAMPLES)
    refits = true_rates(tally["correct"], tally["samples"], errors, counts, start=weights, iterations=100)
    low, high = np.quantile(true_coverage(refits, ks), [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return pd.DataFrame(
        {
            "k": ks,
            "accepted": pass_at_k(tally["samples"], tally["correct"], ks).mean(axis=0),
            "coverage": true_coverage(weights, ks),
            "low": low,
            "high": high,
            "right": right,
            "wrong": wrong,
            "ceiling": resampling(weights, [np.inf], errors)[0][0] if errors.false_positive else np.nan,
        }
    )


def two_type_reward(
    accuracy: ArrayLike,
    prior: ArrayLike,
    completeness: float,
    soundness: float,
    attempts: int,
    value: tuple[float, float] = (1.0, -1.0),
    as_published: bool = False,
) -> NDArray[np.float64]:
    """Expected reward of at most K attempts for problems of a few types (Stroebl et al. 2024, section 4).

    After k − 1 rejections the belief in type i is proportional to β_i^(k−1) prior_i, with β_i the chance that a sample
    of type i is rejected. The reward of attempt k is its expectation under that belief, times the chance that
    attempt k is made: Σ β_i^(k−1) prior_i. The published formula and code use the belief instead of the prior in that
    factor. Since the belief favours types that are often rejected, late attempts then look more likely than they are.

    Args:
        accuracy: Chance that a sample is correct, by type.
        prior: Share of problems, by type.
        completeness: Fraction of correct samples that the verifier accepts.
        soundness: Fraction of wrong samples that it rejects.
        attempts: The largest K.
        value: Reward of accepting a correct and a wrong sample.
        as_published: Use the published factor.

    Returns:
        Reward by K = 1, 2, …, shape (attempts,).
    """
    r, prior = np.asarray(accuracy, dtype=np.float64), np.asarray(prior, dtype=np.float64)
    gain = value[0] * completeness * r + value[1] * (1 - soundness) * (1 - r)
    rejected = (1 - completeness) * r + soundness * (1 - r)
    powers = rejected ** np.arange(attempts)[:, None]
    reached = powers @ prior
    belief = powers * prior / reached[:, None]
    made = (powers * belief).sum(axis=1) if as_published else reached
    return np.cumsum(belief @ gain * made)
