"""Selectors, which choose an answer without seeing verdicts: majority vote, best of N, weighted majority vote."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Candidates:
    """The N ≥ 1 samples of one problem, from which a selector chooses without seeing `correct`."""

    answer: NDArray[np.int32]
    """Answer of each sample, shape (N,): equal numbers for equal answers, −1 for none."""
    correct: NDArray[np.bool_]
    """The verdict, shape (N,)."""
    score: NDArray[np.floating] | None = None
    """Reward of each sample, shape (N,), of either sign; NaN if it has none."""

    def __post_init__(self) -> None:
        if not self.answer.size:
            raise ValueError("a problem has no samples")
        if any(part.shape != self.answer.shape for part in (self.correct, self.score) if part is not None):
            raise ValueError("answer, correct and score differ in length")
        if self.score is not None and np.isinf(self.score).any():
            raise ValueError("a score is infinite")


def cluster_answers(answers: Iterable[str | None], outcomes: Iterable[str]) -> NDArray[np.int32]:
    """Number the distinct answers to one problem.

    Equal texts are one answer, and so are all texts judged correct, because the verifier found each of them equal to
    the reference. Wrong answers are only compared as canonical forms: if two spellings of one wrong answer have
    different forms, its votes are split, which favours the right answer.

    Args:
        answers: Answer extracted from each sample, None (or NaN) if none was found.
        outcomes: Outcomes of the same samples.

    Returns:
        A number per sample, shape (samples,); −1 without an answer, whatever the outcome.
    """
    numbers = pd.factorize(np.array(list(answers), dtype=object))[0].astype(np.int32)
    right = numbers[(np.array(list(outcomes)) == "correct") & (numbers >= 0)]
    numbers[np.isin(numbers, right)] = right.min(initial=numbers.size)
    return numbers


def candidates(verdicts: pd.DataFrame) -> dict[str, Candidates]:
    """Candidates by problem; samples on which the verifier failed are left out, as in a tally.

    Args:
        verdicts: Columns problem_id, answer, outcome and, if there are rewards, score; a row per sample.
    """
    judged = verdicts[verdicts["outcome"] != "verifier_error"]
    return {
        problem: Candidates(
            cluster_answers(rows["answer"], rows["outcome"]),
            (rows["outcome"] == "correct").to_numpy(),
            rows["score"].to_numpy(np.float64) if "score" in rows else None,
        )
        for problem, rows in judged.groupby("problem_id", observed=True)
    }


def selection_curve(problems: Sequence[Candidates], ks: ArrayLike, draws: int, seed: int) -> pd.DataFrame:
    """Accuracy of each selector when it chooses among k samples, averaged over subsets of each problem's samples.

    The selectors of Brown et al. 2024 (arXiv 2407.21787, section 4.1, Fig. 7):

    * `majority`: the most frequent answer. A sample without an answer does not vote.
    * `weighted_majority`: the answer with the largest sum of scores. A sample without a score does not vote either.
    * `best_of_n`: the sample with the highest score, over all subsets: the j-th best of N samples is the best of k
      with probability C(N − j, k − 1) / C(N, k).

    Ties are broken at random and counted by their expected value; if nothing can be chosen, the selector is wrong.
    An answer is as correct as the fraction of its samples that are.

    Args:
        problems: Candidates of each problem; selectors that need scores are left out if a problem has none.
        ks: Sizes of the subsets, positive integers.
        draws: Random subsets per problem and k, drawn without replacement, for the two votes; 100 in the paper.
        seed: Seed of those subsets.

    Returns:
        Columns selector, k (distinct, increasing), accuracy (mean over problems) and sd, the standard deviation of
        the accuracy over random subsets, one for each problem: exact for `best_of_n`, over the draws (population) for
        the votes, to which broken ties contribute nothing. NaN where k exceeds any problem's samples.

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
    first_k = np.repeat(np.arange(possible.size), np.diff(possible, prepend=0))
    votes = {name: np.zeros((draws, possible.size)) for name in ("majority", "weighted_majority")[: 1 + scored]}
    for problem in problems:
        ballots = {name: _Ballot.of(problem, weighted=name == "weighted_majority") for name in votes}
        for draw in range(draws):
            # the first k samples of a random order are a random subset, for all k at once
            order = rng.permutation(problem.answer.size)
            for name, ballot in ballots.items():
                votes[name][draw] += ballot.right_share(order, first_k)
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
    """Correctness of the most frequent answer of all samples: normally 0 or 1; mean of tied answers; 0 if none."""
    order = np.arange(problem.answer.size)
    return float(_Ballot.of(problem, weighted=False).right_share(order, np.zeros_like(order)).item())


@dataclass(frozen=True)
class _Ballot:
    """Vote of each sample of a problem: its answer and its weight."""

    choice: NDArray[np.intp]
    """Number of the answer, shape (N,); one past the last for samples that abstain."""
    weight: NDArray[np.float64] | None
    """Weight of each vote, shape (N,), between −1 and 1; None for one vote each."""
    right_and_one: NDArray[np.float64]
    """Fraction of correct samples, and 1, by answer, shape (answers, 2): the sums over tied answers give their mean."""

    @classmethod
    def of(cls, problem: Candidates, weighted: bool) -> "_Ballot":
        answers, choice = np.unique(problem.answer, return_inverse=True)
        right = np.bincount(choice, problem.correct) / np.bincount(choice)
        abstains, weight = problem.answer < 0, None
        if weighted:
            assert problem.score is not None
            abstains |= np.isnan(problem.score)
            weight = np.where(abstains, 0.0, problem.score.astype(np.float64))
            weight /= np.abs(weight).max() or 1.0
        return cls(np.where(abstains, answers.size, choice), weight, np.column_stack([right, np.ones_like(right)]))

    def right_share(self, order: NDArray[np.int64], first_k: NDArray[np.int64]) -> NDArray[np.float64]:
        """Correctness of the leading answer at each k, shape (ks,).

        Args:
            order: Order in which samples are counted, shape (N,).
            first_k: Index of the first k that includes the sample, by position in the order, shape (largest k,).
        """
        rows, columns = first_k.max(initial=-1) + 1, len(self.right_and_one) + 1
        counted = order[: first_k.size]
        cells = self.choice[counted] + first_k * columns

        def totals(weight: NDArray[np.float64] | None) -> NDArray[np.number]:
            """Sums of votes by k and answer, shape (ks, answers)."""
            table = np.bincount(cells, weight, rows * columns).reshape(rows, columns)
            for previous, row in pairwise(table):  # several times faster than cumsum along the first axis
                row += previous
            return table[:, :-1]

        sums, without_votes, margin = totals(None), 0.0, 0.0
        if self.weight is not None:
            # answers without votes rank below those with a negative sum; rounding errors of scores break no ties
            sums = np.where(sums > 0, totals(self.weight[counted]), -np.inf)
            without_votes, margin = -np.inf, 1e-6
        lead = sums.max(axis=1)
        right, leading = ((sums >= lead[:, None] - margin) @ self.right_and_one).T
        return np.where(lead > without_votes, right / leading, 0.0)


def _best_of_n(problem: Candidates, ks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probability that the best of k samples is correct, shape (ks,)."""
    assert problem.score is not None
    _, group, size = np.unique(-problem.score, return_inverse=True, return_counts=True)  # best first, NaN last
    correct = np.bincount(group, problem.correct & ~np.isnan(problem.score)) / size
    not_seen = np.arange(problem.score.size, 0, -1)[:, None]  # samples no better than the j-th
    none = np.cumprod(np.maximum(1 - ks / not_seen, 0), axis=0)  # C(N − j, k) / C(N, k): none of the j best is among k
    return -np.diff(none[size.cumsum() - 1], axis=0, prepend=1).T @ correct
