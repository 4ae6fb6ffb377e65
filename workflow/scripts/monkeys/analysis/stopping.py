"""Early stopping of majority votes: rules that end sampling once the vote seems decided, replayed on stored samples."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betainc, gammainc, gammaincc, gammaincinv

from monkeys.analysis import REPLAYED
from monkeys.analysis.coverage import round_grid
from monkeys.analysis.selection import Candidates

COLUMNS = ["rule", "threshold", "samples", "accuracy", "sd", "majority"]

CONFIDENCES = (0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
WINDOWS = (2, 3, 4, 5, 8, 10, 16, 32)
BAYES_FACTORS = (5, 10, 30, 100, 1000)

PLACES, PRIORS = 5, 20
"""Most frequent answers of a problem, and number of other problems, that `bayesian` knows."""

UNSEEN = 0.3
"""Pseudo-count of all answers not yet seen, as in the code of Komiyama et al."""

NODES, WEIGHTS = (0.5 * part for part in np.polynomial.legendre.leggauss(32))


def replay(problems: Sequence[Candidates], draws: int, seed: int, cap: int = REPLAYED) -> pd.DataFrame:
    """Accuracy and mean number of samples of majority votes that stop early, over random orders of stored samples.

    The rules, whose thresholds range from hasty to patient:

    * `majority`: a fixed number of samples.
    * `adaptive_consistency`: stop if the most frequent answer leads the second one with at least this probability
      (Aggarwal et al. 2023, arXiv 2305.11860).
    * `esc`: stop after a window of so many samples that all have the same answer (Li et al. 2024, arXiv 2401.10480).
    * `bayes_factor`: stop if the odds that the most frequent answer is the most probable one have grown by at least
      this factor (Komiyama et al. 2025, Best-of-∞, arXiv 2509.21091).

    * `bayesian`: stop if the most frequent answer is the most probable one with at least this probability, given its
      votes, those of the second one and those of the rest, if the probabilities of this problem's answers, apart from
      which answer has which, are those of one of the other problems (Huang et al. 2026, arXiv 2602.05395, L = 3, with
      uncertain prior). Left out if there is no other problem.

    All end at `cap` samples or the smallest number of any problem, and then vote as `selection_curve` does: ties count
    by their expected value, and samples without an answer count as samples, but do not vote.

    Args:
        problems: The samples of each problem.
        draws: Random orders of each problem's samples.
        seed: Seed of the orders.
        cap: Largest number of samples of a problem.

    Returns:
        Columns rule, threshold (of `majority`, the number of samples), samples (mean per problem), accuracy (mean over
        problems), sd (of the accuracy over orders), majority: accuracy of a vote of a fixed number of samples, equal to
        the rule's mean, linear between integers.

    Raises:
        ValueError: no problems or no draws.
    """
    if not problems or draws < 1:
        raise ValueError("early stopping needs at least one problem and one draw")
    rng = np.random.default_rng(seed)
    length = min(cap, *(problem.answer.size for problem in problems))
    fixed = np.zeros((length, draws))
    used: dict[tuple[str, float], NDArray[np.float64]] = defaultdict(lambda: np.zeros(draws))
    right: dict[tuple[str, float], NDArray[np.float64]] = defaultdict(lambda: np.zeros(draws))
    orders = ([rng.permutation(problem.answer.size)[:length] for _ in range(draws)] for problem in problems)
    counted = [_Votes.count(problem, np.transpose(order)) for problem, order in zip(problems, orders, strict=True)]
    known = rng.permutation(len(problems))[:PRIORS]
    shares = np.array([_shares(problems[i]) for i in known])
    for votes, posterior in zip(counted, _posteriors(counted, known, shares), strict=True):
        fixed += votes.right
        for rule, stop in _stops(votes, posterior).items():
            used[rule] += stop + 1
            right[rule] += votes.right[stop, np.arange(draws)]
    ks = round_grid(length)
    rows = [("majority", float(k), float(k), *_mean_sd(fixed[k - 1] / len(problems))) for k in ks.tolist()]
    for rule, stops in used.items():
        rows.append((*rule, float(stops.mean()) / len(problems), *_mean_sd(right[rule] / len(problems))))
    table = pd.DataFrame(rows, columns=COLUMNS[:-1])
    by_k = fixed.mean(axis=1) / len(problems)
    return table.assign(majority=np.interp(table["samples"], np.arange(1, length + 1), by_k))


def _mean_sd(accuracy: NDArray[np.float64]) -> tuple[float, float]:
    return float(accuracy.mean()), float(accuracy.std())


@dataclass(frozen=True)
class _Votes:
    """Votes on one problem after each sample of each order; all arrays have the shape (samples, orders)."""

    choice: NDArray[np.intp]
    """Number of the sample's answer; −1 for none."""
    first: NDArray[np.intp]
    """Votes for the most frequent answer."""
    second: NDArray[np.intp]
    """Votes for the second most frequent answer, the same if the lead is tied; 0 if there is none."""
    right: NDArray[np.float64]
    """Correctness of the most frequent answer, mean of tied ones; 0 without votes."""

    @classmethod
    def count(cls, problem: Candidates, orders: NDArray[np.intp]) -> "_Votes":
        """Count votes, for all orders at once."""
        answers, number = np.unique(problem.answer, return_inverse=True)
        right_of = np.bincount(number, problem.correct) / np.bincount(number)
        choice = np.where(problem.answer < 0, -1, number)[orders]
        draws = np.arange(orders.shape[1])
        counts = np.zeros((draws.size, answers.size), dtype=np.intp)
        first, second, tied = (np.zeros(draws.size, dtype=np.intp) for _ in range(3))
        right = np.zeros(draws.size)  # sum over the tied answers
        rows = []
        for answer in choice:
            voted = answer >= 0
            counts[draws, answer] += voted
            votes = np.where(voted, counts[draws, answer], -1)
            leads, ties = votes > first, votes == first
            second = np.where(leads & (tied == 1), second, np.where(leads, first, np.maximum(second, votes)))
            first = np.maximum(first, votes)
            tied = np.where(leads, 1, tied + ties)
            right = np.where(leads, right_of[answer], right + ties * right_of[answer])
            rows.append((first, second, right / np.maximum(tied, 1)))
        return cls(choice, *(np.array(column) for column in zip(*rows, strict=True)))


def _stops(votes: _Votes, posterior: NDArray[np.float64] | None) -> dict[tuple[str, float], NDArray[np.intp]]:
    """Index of the last sample that each rule draws, shape (orders,), by rule and threshold."""
    length = len(votes.choice)
    confidence = betainc(votes.second + 1, votes.first + 1, 0.5)
    stops = {("adaptive_consistency", at): _first(confidence >= at) for at in CONFIDENCES}
    for window in (window for window in WINDOWS if window <= length):
        whole = votes.choice[: length // window * window].reshape(-1, window, votes.choice.shape[1])
        unanimous = (whole == whole[:, :1]).all(axis=1) & (whole[:, 0] >= 0)
        ends = np.full((length, votes.choice.shape[1]), False)
        ends[window - 1 :: window] = unanimous
        stops["esc", window] = _first(ends)
    if posterior is not None:
        stops |= {("bayesian", at): _first(posterior >= at) for at in CONFIDENCES}
    factor = _bayes_factors(votes)
    return stops | {("bayes_factor", at): _first(factor >= at) for at in BAYES_FACTORS}


def _first(met: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Index of the first sample after which a condition is met, else of the last sample."""
    return np.where(met.any(axis=0), met.argmax(axis=0), len(met) - 1)


def _shares(problem: Candidates) -> NDArray[np.float64]:
    """Shares of the most frequent answers among those of a problem, in decreasing order, shape (PLACES,)."""
    counts = np.sort(np.bincount(problem.answer[problem.answer >= 0], minlength=PLACES))[::-1]
    return counts[:PLACES] / max(counts.sum(), 1)


def _posteriors(
    counted: Sequence[_Votes], known: NDArray[np.intp], shares: NDArray[np.float64]
) -> list[NDArray[np.float64] | None]:
    """Probability that the most frequent answer is the most probable one, per problem, shape (samples, orders).

    With n₁, n₂ and r votes for the first, the second and all other answers, the likelihood that these are the i-th and
    j-th most probable answers of another problem with probabilities p is p_i^n₁ p_j^n₂ (1 − p_i − p_j)^r · Q, where Q
    is the probability that none of the others has more than n₂ votes. Q is computed as if votes were independent
    Poisson variables, instead of by the recursion over multinomials of Huang et al.

    Args:
        counted: Votes on each problem.
        known: Numbers of the problems whose probabilities are known, and used for all problems but themselves.
        shares: These probabilities, decreasing, shape (known, PLACES).

    Returns:
        None for a problem without another one.
    """
    size = len(counted[0].choice) + 1
    rest = [np.cumsum(votes.choice >= 0, axis=0) - votes.first - votes.second for votes in counted]
    codes = [(votes.first * size + votes.second) * size + r for votes, r in zip(counted, rest, strict=True)]
    states, place = np.unique(np.stack(codes), return_inverse=True)
    parts = [_likelihood(part, size, shares) for part in np.array_split(states, 1 + len(states) // 2000)]
    led, total = (np.concatenate(column) for column in zip(*parts, strict=True))
    posteriors: list[NDArray[np.float64] | None] = []
    for i, where in enumerate(place.reshape(len(counted), size - 1, -1)):
        others = known != i
        posterior = led[:, others].sum(axis=1) / np.maximum(total[:, others].sum(axis=1), 1e-300)
        posteriors.append(np.where(states > 0, posterior, 0)[where] if others.any() else None)
    return posteriors


def _likelihood(
    states: NDArray[np.intp], size: int, shares: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Likelihood of votes that the most probable answer leads, and that any answer leads, shape (states, known)."""
    first, second, rest = (
        part[:, None, None, None] for part in (states // size**2, states // size % size, states % size)
    )
    log = np.log(np.maximum(shares, 1e-300))
    log_rest = np.log(np.maximum(1 - shares[:, :, None] - shares[:, None, :], 1e-300))
    expected = (first + second + rest)[..., 0] * shares
    none_more = np.where(second[..., 0] > 0, gammaincc(second[..., 0] + 1, expected), 1)
    log_fewer = np.log(np.maximum(none_more, 1e-300))
    likelihood = first * log[:, :, None] + second * log[:, None, :] + rest * log_rest
    likelihood += log_fewer.sum(axis=2)[..., None, None] - log_fewer[..., :, None] - log_fewer[..., None, :]
    likelihood[:, :, np.arange(PLACES), np.arange(PLACES)] = -np.inf
    likelihood = np.exp(likelihood - likelihood.max(axis=(1, 2, 3), keepdims=True))
    return likelihood[:, :, 0].sum(axis=2), likelihood.sum(axis=(2, 3))


def _checks(length: int) -> list[int]:
    """Numbers of samples after which the Bayes factor is computed, as in the code of Komiyama et al."""
    return [k for k in (1, 2, 4, 8, 16, 24, 32, 40, 60, 80, *range(100, length + 1, 20)) if k <= length]


def _bayes_factors(votes: _Votes) -> NDArray[np.float64]:
    """Bayes factor of the most frequent answer after each sample, shape (samples, orders); 0 where it is not checked.

    P / (1 − P) times the number of answers, that of the unseen ones included, where P is the probability that the most
    frequent answer is the most probable one if the probabilities follow Dirichlet(votes + 1).
    """
    factors = np.zeros(votes.choice.shape)
    orders = np.arange(votes.choice.shape[1])
    for k in _checks(len(votes.choice)):
        answer = votes.choice[:k]
        counts = np.zeros((orders.size, answer.max(initial=0) + 2), dtype=np.intp)
        np.add.at(counts, (np.broadcast_to(orders, answer.shape), answer), 1)  # the last column holds missing answers
        frequencies = np.zeros((orders.size, k + 1))  # number of answers by their votes
        np.add.at(frequencies, (orders[:, None], counts[:, :-1]), 1)
        first = votes.first[k - 1]
        distinct = frequencies[:, 1:].sum(axis=1)
        frequencies[:, 0] = 0
        frequencies[orders, first] -= distinct > 0
        present = np.flatnonzero(frequencies.any(axis=0))
        log_below = np.einsum("rc,rcq->rq", frequencies[:, present], _log_below(len(votes.choice))[first][:, present])
        leads = np.exp(log_below + _log_unseen_below(len(votes.choice))[first]) @ WEIGHTS
        factors[k - 1] = np.where(distinct > 0, (distinct + 1) * leads / np.maximum(1 - leads, 1e-12), 0)
    return factors


@cache
def _quantiles(length: int) -> NDArray[np.float64]:
    """Values of a gamma variable of shape votes + 1, at the quadrature's nodes, shape (length + 1, nodes).

    Probabilities that follow a Dirichlet distribution are independent gamma variables divided by their sum.
    """
    return gammaincinv(np.arange(1.0, length + 2)[:, None], 0.5 + NODES)


@cache
def _log_below(length: int) -> NDArray[np.float64]:
    """Log-probability that an answer is less probable than the leader, by votes of both, shape (…, …, nodes)."""
    with np.errstate(divide="ignore"):
        below = np.log(gammainc(np.arange(1.0, length + 2)[:, None], _quantiles(length)[:, None, :]))
    return np.maximum(below, -700)


@cache
def _log_unseen_below(length: int) -> NDArray[np.float64]:
    """The same for all answers not yet seen."""
    return np.log(gammainc(UNSEEN + 1, _quantiles(length)))
