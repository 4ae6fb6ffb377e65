"""Time of the analysis, compared for coverage with the loops of evaluation harnesses, and time of a whole run.

The study is synthetic: 16 pairs of task and model, 128 problems of 10,000 samples each, solve rates from Beta
distributions. Ours is every function behind the tables and figures; the peer computes coverage alone, for each problem
and k, as the product 1 − ∏ (1 − k / j). Both run in one process on one core, alternately, and are measured in CPU time.

Ends with lines `analysis: ours/peer = X (min–max over n pairs)` for coverage and for the fit of a Beta-binomial, whose
peer adds up the likelihood problem by problem, then the seconds of all analysis, of predictions
with their back-tests, and of a Snakemake run from counts to all figures and tables on two cores.
"""

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from monkeys.analysis.cost import Architecture  # noqa: E402
from monkeys.analysis.coverage import coverage, log_grid, round_grid  # noqa: E402
from monkeys.analysis.distributions import BetaBinomial, fit  # noqa: E402
from monkeys.analysis.exclusions import coverage_with_and_without  # noqa: E402
from monkeys.analysis.intervals import coverage_curve  # noqa: E402
from monkeys.analysis.power_law import fit_power_law  # noqa: E402
from monkeys.analysis.prediction import back_test, back_test_errors, predictions  # noqa: E402
from monkeys.analysis.similarity import shifts  # noqa: E402
from monkeys.analysis.solve_rates import never_solved, solve_rates  # noqa: E402
from monkeys.analysis.spending import effectiveness, spending  # noqa: E402
from monkeys.analysis.tables import concat_with_keys  # noqa: E402

SAMPLES, PROBLEMS = 10_000, 128
TASKS, MODELS = [f"task{number}" for number in range(4)], [f"model{number}" for number in range(4)]
KS = np.union1d(log_grid(SAMPLES), round_grid(SAMPLES))


def make_tallies(seed: int) -> dict[tuple[str, str], pd.DataFrame]:
    """Synthetic tallies by task and model."""
    rng = np.random.default_rng(seed)
    ids = [str(number) for number in range(PROBLEMS)]
    tallies = {}
    for number, task in enumerate(TASKS):
        for size, model in enumerate(MODELS):
            correct = rng.binomial(SAMPLES, rng.beta(0.2 + 0.1 * size, 3 - 0.5 * number, PROBLEMS))
            tokens = {"prompt_tokens": 900, "generated_tokens": 200 * SAMPLES}
            tallies[task, model] = pd.DataFrame({"problem_id": ids, "samples": SAMPLES, "correct": correct, **tokens})
    return tallies


def analyse(tallies: dict[tuple[str, str], pd.DataFrame]) -> None:
    """Compute all data of the tables and figures."""
    curves = concat_with_keys(
        {pair: coverage_curve(tally, KS, "problems", 1000, 0.95, 0) for pair, tally in tallies.items()}
    )
    for tally in tallies.values():
        fit_power_law(tally)
        solve_rates(tally, 0.95)
        never_solved(tally)
        coverage_with_and_without(tally, ["3", "5"], KS)
    for task in TASKS:
        shifts({model: tallies[task, model] for model in MODELS})
    sizes = dict.fromkeys(MODELS, Architecture(parameters=8e9, layers=32, hidden_size=4096))
    effectiveness(spending(tallies, curves, sizes, {pair: {"sample": 0.01} for pair in tallies}))


def coverage_by_loops(tallies: dict[tuple[str, str], pd.DataFrame]) -> float:
    """Coverage of one pair at the largest k, after computing it as a product for every problem and k."""
    tally = next(iter(tallies.values()))
    for k in KS:
        solved = [
            1.0 if SAMPLES - correct < k else 1 - np.prod(1 - k / np.arange(SAMPLES - correct + 1, SAMPLES + 1))
            for correct in tally["correct"]
        ]
        mean = float(np.mean(solved))
    return mean


def predict(tallies: dict[tuple[str, str], pd.DataFrame]) -> None:
    """Predict coverage at ten times the samples, and test the predictions."""
    for tally in tallies.values():
        predictions(tally["samples"], tally["correct"], log_grid(10 * SAMPLES, 10), 0.95)
        back_test_errors(back_test(tally["samples"], tally["correct"], 0.95, 0))


def log_beta(a: float, b: float) -> float:
    """Logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


class BetaBinomialByLoops(BetaBinomial):
    """The same distribution, with the likelihood added up problem by problem for each pair of parameters."""

    def __init__(self, samples: np.ndarray, correct: np.ndarray) -> None:
        self.counts = list(zip(map(int, samples), map(int, correct), strict=True))

    def log_likelihood(self, *parameters: np.ndarray) -> np.ndarray:
        """Sum of the log probabilities over problems."""

        def total(log_alpha: float, log_other: float) -> float:
            a, b = math.exp(log_alpha), math.exp(log_other)
            return sum(log_beta(a + s, b + n - s) - log_beta(a, b) for n, s in self.counts)

        return np.vectorize(total)(*parameters)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of a call, seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def whole_run(tallies: dict[tuple[str, str], pd.DataFrame]) -> float:
    """Wall time of Snakemake from counts to all tables and figures on two cores, seconds."""
    with tempfile.TemporaryDirectory() as folder:
        models = {}
        for number, model in enumerate(MODELS):
            files = {}
            for task in TASKS:
                files[task] = f"{task}-{model}.csv"
                tallies[task, model].to_csv(Path(folder, files[task]), index=False)
            models[model] = {"outcomes": files, "tasks": TASKS, "family": "f", "price": {"sample": 0.001 * 2**number}}
        tasks = {task: {"flagged": {"flaky": ["3", "5"]}} for task in TASKS}
        Path(folder, "study.yaml").write_text(yaml.safe_dump({"study": "bench", "tasks": tasks, "models": models}))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
        start = time.monotonic()
        subprocess.run([*command, "--configfile", "study.yaml"], cwd=folder, check=True, capture_output=True)
        return time.monotonic() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    tallies = make_tallies(seed=0)
    one = next(iter(tallies.values()))
    assert abs(coverage(one["samples"], one["correct"], KS)[-1] - coverage_by_loops(tallies)) < 1e-9
    counts = one["samples"], one["correct"]
    assert np.allclose(fit(BetaBinomial(*counts), 0.95)[0], fit(BetaBinomialByLoops(*counts), 0.95)[0], atol=1e-3)
    analyse(tallies)  # warm-up
    ratios, fit_ratios, whole_analysis = [], [], []
    for _ in range(options.pairs):
        theirs = cpu_seconds(lambda: coverage_by_loops(tallies))
        mine = cpu_seconds(lambda: [coverage(one["samples"], one["correct"], KS) for _ in range(100)]) / 100
        whole_analysis.append(cpu_seconds(lambda: analyse(tallies)))
        print(f"coverage of one pair: ours {1e3 * mine:.2f} ms, loops {1e3 * theirs:.0f} ms", flush=True)
        ratios.append(theirs / mine)
        theirs = cpu_seconds(lambda: fit(BetaBinomialByLoops(*counts), 0.95))
        mine = cpu_seconds(lambda: [fit(BetaBinomial(*counts), 0.95) for _ in range(10)]) / 10
        fit_ratios.append(theirs / mine)
    predicting = cpu_seconds(lambda: predict(tallies))
    wall = whole_run(tallies)
    for what, found in (("", ratios), ("fit of a Beta-binomial, ", fit_ratios)):
        spread = f"{min(found):.1f}–{max(found):.1f} over {len(found)} pairs"
        print(f"analysis: {what}ours/loops = {statistics.median(found):.1f} ({spread})")
    print(f"analysis: all of it for {len(tallies)} pairs {statistics.median(whole_analysis):.2f} s of CPU time")
    print(f"analysis: predictions and back-tests of the same {predicting:.0f} s of CPU time")
    print(f"analysis: Snakemake from counts to all figures and tables {wall:.0f} s of wall time on 2 cores")


if __name__ == "__main__":
    main()
