"""Picking an answer without knowing which is right: majority vote, best-of-N by a score, weighted majority vote."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Candidates:
    """The N ≥ 1 samples of one problem, from which a selector picks without seeing `correct`."""

    answer: NDArray[np.int32]
    """The answer that a sample gives, shape (N,): equal numbers for equal answers, −1 for none."""
    correct: NDArray[np.bool_]
    """The verdict, shape (N,)."""
    score: NDArray[np.floating] | None = None
    """What a reward model thinks of it, shape (N,), of either sign; NaN if it has not said."""

    def __post_init__(self) -> None:
        if not self.answer.size:
            raise ValueError("a problem has no samples")
        if any(part.shape != self.answer.shape for part in (self.correct, self.score) if part is not None):
            raise ValueError("answer, correct and score differ in length")
        if self.score is not None and np.isinf(self.score).any():
            raise ValueError("a score is infinite")


def clusters(answers: Iterable[str | None], outcomes: Iterable[str]) -> NDArray[np.int32]:
    """Number the distinct answers to one problem.

    Equal texts are one answer, and so are all texts that were judged correct, because the verifier found each of them
    equal to the reference. Wrong answers are compared as texts only, after the verifier's normalisation: two spellings
    of one wrong answer that it does not bring together split their votes, which favours the right answer.

    Args:
        answers: What was extracted from each sample, None (or NaN) if nothing.
        outcomes: The verdicts on the same samples.

    Returns:
        A number per sample, shape (samples,); −1 without an answer, whatever the outcome.
    """
    numbers = pd.factorize(np.array(list(answers), dtype=object))[0].astype(np.int32)
    right = numbers[(np.array(list(outcomes)) == "correct") & (numbers >= 0)]
    numbers[np.isin(numbers, right)] = right.min(initial=numbers.size)
    return numbers


def candidates(verdicts: pd.DataFrame) -> dict[str, Candidates]:
    """Candidates by problem; samples whose verifier failed are left out, as in a tally.

    Args:
        verdicts: Columns problem_id, answer, outcome and, if samples were scored, score; a row per sample.
    """
    judged = verdicts[verdicts["outcome"] != "verifier_error"]
    return {
        problem: Candidates(
            clusters(rows["answer"], rows["outcome"]),
            (rows["outcome"] == "correct").to_numpy(),
            rows["score"].to_numpy(np.float64) if "score" in rows else None,
        )
        for problem, rows in judged.groupby("problem_id", observed=True)
    }


def selection_curve(problems: Sequence[Candidates], ks: ArrayLike, draws: int, seed: int) -> pd.DataFrame:
    """How often each selector is right when it chooses among k samples: the mean over subsets of a problem's samples.

    The selectors of Brown et al. 2024 (arXiv 2407.21787, section 4.1, Fig. 7):

    * `majority`: the most frequent answer. A sample without an answer does not vote.
    * `weighted_majority`: the answer with the largest sum of scores. A sample without a score does not vote, either.
    * `best_of_n`: the sample with the highest score, over all subsets: the j-th best of N samples is the best of k
      with the chance C(N − j, k − 1) / C(N, k).

    Ties are broken at random, and counted by their expected value; where nothing can be chosen, the selector is wrong.
    An answer is as correct as the share of its samples that are.

    Args:
        problems: Candidates of each problem; the selectors that need scores are left out if one has none.
        ks: Sizes of the subsets, positive integers.
        draws: Random subsets per problem and k, drawn without replacement, for the two votes; 100 in the paper.
        seed: Of those subsets.

    Returns:
        Columns selector, k (distinct, increasing), accuracy (mean over problems) and sd, the standard deviation of
        the accuracy over random subsets, one for each problem: exact for `best_of_n`, over the draws (population) for
        the votes, whose ties add nothing to it. NaN where k exceeds any problem's samples.

    Raises:
        ValueError: no problems, no draws, or a k that is not a positive integer.
    """
    wanted = np.unique(np.asarray(ks))
    if not problems or draws < 1:
        raise ValueError("selection needs at least one problem and one draw")
    if ((wanted < 1) | (wanted != np.floor(wanted))).any():
        raise ValueError("k must be a positive integer")
    possible = wanted[wanted <= min(problem.answer.size for problem in problems)].astype(np.int64)
    scored = all(problem.score is not None for problem in problems)
    rng = np.random.default_rng(seed)
    added = np.repeat(np.arange(possible.size), np.diff(possible, prepend=0))
    votes = {name: np.zeros((draws, possible.size)) for name in ("majority", "weighted_majority")[: 1 + scored]}
    for problem in problems:
        ballots = {name: _Ballot.of(problem, weighted=name == "weighted_majority") for name in votes}
        for draw in range(draws):
            # the first k of a random order are a random subset, for all k at once
            order = rng.permutation(problem.answer.size)
            for name, ballot in ballots.items():
                votes[name][draw] += ballot.right_share(order, added)
    curves = {name: (vote.mean(axis=0), vote.std(axis=0)) for name, vote in votes.items()}
    if scored:
        best = np.array([_best_of_n(problem, possible) for problem in problems])
        curves["best_of_n"] = best.sum(axis=0), np.sqrt((best * (1 - best)).sum(axis=0))
    parts = {
        name: pd.DataFrame({"accuracy": total, "sd": sd}, index=possible).reindex(wanted) / len(problems)
        for name, (total, sd) in curves.items()
    }
    return pd.concat(parts, names=["selector", "k"]).reset_index()


def majority_vote(problem: Candidates) -> float:
    """How correct the most frequent answer among all samples is: normally 0 or 1; ties by share, 0 if nobody votes."""
    everyone = np.arange(problem.answer.size)
    return float(_Ballot.of(problem, weighted=False).right_share(everyone, np.zeros_like(everyone)).item())


@dataclass(frozen=True)
class _Ballot:
    """For which answer to a problem each of its samples votes, and how much."""

    choice: NDArray[np.intp]
    """Number of the answer, shape (N,); one past the last for a sample that does not vote."""
    weight: NDArray[np.float64] | None
    """Shape (N,), between −1 and 1; one vote each if None."""
    right_and_one: NDArray[np.float64]
    """Share of correct samples, and 1, by answer, shape (answers, 2): summed over some answers, their mean."""

    @classmethod
    def of(cls, problem: Candidates, weighted: bool) -> "_Ballot":
        answers, choice = np.unique(problem.answer, return_inverse=True)
        right = np.bincount(choice, problem.correct) / np.bincount(choice)
        silent, weight = problem.answer < 0, None
        if weighted:
            assert problem.score is not None
            silent |= np.isnan(problem.score)
            weight = np.where(silent, 0.0, problem.score.astype(np.float64))
            weight /= np.abs(weight).max() or 1.0
        return cls(np.where(silent, answers.size, choice), weight, np.column_stack([right, np.ones_like(right)]))

    def right_share(self, order: NDArray[np.int64], added: NDArray[np.int64]) -> NDArray[np.float64]:
        """How right the answers are that lead at each of some numbers of samples k, shape (ks,).

        Args:
            order: Numbers of samples, shape (N,).
            added: Number of the first k that counts it, by place in the order, shape (largest k,).
        """
        rows, columns = added.max(initial=-1) + 1, len(self.right_and_one) + 1
        counted = order[: added.size]
        cells = self.choice[counted] + added * columns

        def totals(weight: NDArray[np.float64] | None) -> NDArray[np.number]:
            """Votes by k and answer, shape (ks, answers)."""
            table = np.bincount(cells, weight, rows * columns).reshape(rows, columns)
            for before, now in pairwise(table):  # several times faster than cumsum along the first axis
                now += before
            return table[:, :-1]

        standing, nobody, margin = totals(None), 0.0, 0.0
        if self.weight is not None:
            # an answer that nobody gave comes after those with a negative sum; rounding of scores breaks no ties
            standing = np.where(standing > 0, totals(self.weight[counted]), -np.inf)
            nobody, margin = -np.inf, 1e-6
        lead = standing.max(axis=1)
        right, leading = ((standing >= lead[:, None] - margin) @ self.right_and_one).T
        return np.where(lead > nobody, right / leading, 0.0)


def _best_of_n(problem: Candidates, ks: NDArray[np.int64]) -> NDArray[np.float64]:
    """The chance that the best of k samples is correct, shape (ks,)."""
    assert problem.score is not None
    _, group, size = np.unique(-problem.score, return_inverse=True, return_counts=True)  # best first, NaN last
    correct = np.bincount(group, problem.correct & ~np.isnan(problem.score)) / size
    not_seen = np.arange(problem.score.size, 0, -1)[:, None]  # samples no better than the j-th
    none = np.cumprod(np.maximum(1 - ks / not_seen, 0), axis=0)  # C(N − j, k) / C(N, k): none of the j best is among k
    return -np.diff(none[size.cumsum() - 1], axis=0, prepend=1).T @ correct
