"""Time of majority vote, weighted majority vote and best of N over random subsets, compared with separate subsets.

Problems are synthetic: 10,000 samples each, from ten to thousands of distinct answers of very different frequencies,
and normally distributed scores. Ours is `selection_curve`. The peers draw every subset separately (100 per problem and
k, 20 log-spaced k) and apply each selector to it: one counts and sums with numpy, one with dictionaries, as evaluation
harnesses do. All run in one process on one core, alternately, and are measured in CPU time; the curves are checked to
agree.

Ends with lines `selection: ours/peer = X (min–max over n pairs)`, ratios of problems per second, then the time for a
task and model of 128 problems with thousands of answers each, and the share of it spent drawing the random orders.
"""

import argparse
import os
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from monkeys.analysis.selection import Candidates, selection_curve  # noqa: E402

ANSWERS = (10, 100, 1000, 6000)
"""Numbers of distinct answers, cycled through over the problems."""
DRAWS = 100
SELECTORS = ("majority", "weighted_majority", "best_of_n")


def make_problems(problems: int, samples: int, answers: tuple[int, ...], seed: int) -> list[Candidates]:
    """Synthetic problems; the most frequent answer is correct in half of them."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(problems):
        kinds = answers[number % len(answers)]
        chances = np.arange(1, kinds + 1) ** -0.6
        answer = rng.choice(kinds, samples, p=chances / chances.sum()).astype(np.int32)
        correct = answer == number % 2
        made.append(Candidates(answer, correct, (rng.normal(0.1, 0.03, samples) + 0.02 * correct).astype(np.float32)))
    return made


def by_numpy(problem: Candidates, chosen: NDArray[np.int64]) -> list[bool]:
    """Whether each selector is right on one subset; ties go to the first answer or sample."""
    assert problem.score is not None
    answer, score = problem.answer[chosen], problem.score[chosen]
    gold = problem.answer[problem.correct][0]
    votes = np.bincount(answer)
    sums = np.where(votes > 0, np.bincount(answer, score), -np.inf)
    return [votes.argmax() == gold, sums.argmax() == gold, problem.correct[chosen[score.argmax()]]]


def by_dictionaries(problem: Candidates, chosen: NDArray[np.int64]) -> list[bool]:
    """Whether each selector is right on one subset, in plain Python."""
    assert problem.score is not None
    answer, score = problem.answer[chosen].tolist(), problem.score[chosen].tolist()
    gold = problem.answer[problem.correct][0]
    sums: dict[int, float] = defaultdict(float)
    for one, weight in zip(answer, score, strict=True):
        sums[one] += weight
    best = max(range(len(score)), key=score.__getitem__)
    return [Counter(answer).most_common(1)[0][0] == gold, max(sums, key=sums.__getitem__) == gold, answer[best] == gold]


def subset_by_subset(
    problems: list[Candidates], ks: NDArray[np.int64], choose: Callable[[Candidates, NDArray[np.int64]], list[bool]]
) -> pd.DataFrame:
    """Accuracy by selector and k from separately drawn subsets."""
    rng = np.random.default_rng(1)
    right = np.zeros((len(SELECTORS), len(ks)))
    for problem in problems:
        for column, k in enumerate(ks):
            for _ in range(DRAWS):
                right[:, column] += choose(problem, rng.choice(problem.answer.size, k, replace=False))
    return pd.DataFrame(right / DRAWS / len(problems), index=SELECTORS, columns=ks)


def ours(problems: list[Candidates], ks: NDArray[np.int64]) -> pd.DataFrame:
    """Accuracy by selector and k from `selection_curve`."""
    return (
        selection_curve(problems, ks, DRAWS, 0)
        .pivot(index="selector", columns="k", values="accuracy")
        .loc[[*SELECTORS]]
    )


def main() -> None:
    """Run the pairs and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=8, help="in each pair")
    parser.add_argument("--samples", type=int, default=10_000, help="per problem")
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    ks = np.unique(np.logspace(0, np.log10(options.samples), 20).astype(np.int64))
    contestants = {
        "ours": ours,
        "numpy per subset": lambda problems, ks: subset_by_subset(problems, ks, by_numpy),
        "dictionaries per subset": lambda problems, ks: subset_by_subset(problems, ks, by_dictionaries),
    }
    for contestant in contestants.values():  # warm-up
        contestant(make_problems(1, 10, (2,), 0), np.array([1, 10]))
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for pair in range(options.pairs):
        problems, curves = make_problems(options.problems, options.samples, ANSWERS, pair), {}
        names = list(contestants)
        for name in names[pair % len(names) :] + names[: pair % len(names)]:
            start = time.process_time()
            curves[name] = contestants[name](problems, ks)
            seconds[name].append((time.process_time() - start) / len(problems))
        # both are means of 100 draws per problem; at small k, ties matter, which the peers give to the first answer
        difference = max((curves["ours"] - curve).abs().to_numpy()[:, ks >= 10].max() for curve in curves.values())
        assert difference < 6 * np.sqrt(2 * 0.25 / DRAWS / len(problems)), difference
        print(
            *(f"{name} {1e3 * seconds[name][-1]:.0f} ms" for name in names), sep=", ", end=" of CPU time per problem\n"
        )
    whole = make_problems(128, options.samples, ANSWERS[-1:], 0)
    start = time.process_time()
    selection_curve(whole, ks, DRAWS, 0)
    whole_seconds = time.process_time() - start
    rng, start = np.random.default_rng(0), time.process_time()
    for _ in range(128 * DRAWS):
        rng.permutation(options.samples)
    drawing = (time.process_time() - start) / whole_seconds
    for peer in list(contestants)[1:]:
        ratios = [theirs / mine for mine, theirs in zip(seconds["ours"], seconds[peer], strict=True)]
        spread = f"{min(ratios):.1f}–{max(ratios):.1f} over {len(ratios)} pairs"
        print(f"selection: ours/{peer} = {statistics.median(ratios):.1f} ({spread})")
    print(f"selection: 128 problems × {options.samples:,} samples, {ANSWERS[-1]:,} answers: {whole_seconds:.1f} CPU s")
    print(f"selection: drawing the random orders alone takes {drawing:.0%} of that")


if __name__ == "__main__":
    main()
