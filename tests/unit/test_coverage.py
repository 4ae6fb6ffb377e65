import itertools
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from monkeys.analysis.coverage import coverage, log_grid, pass_at_k, round_grid

COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


def exact(n: int, c: int, k: int) -> Fraction:
    return 1 - Fraction(math.comb(n - c, k), math.comb(n, k))


@pytest.mark.parametrize("n", range(1, 8))
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample(n):
    for c, k in itertools.product(range(n + 1), range(1, n + 1)):
        subsets = list(itertools.combinations([True] * c + [False] * (n - c), k))
        assert pass_at_k([n], [c], [k])[0, 0] == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-12)


def test_pass_at_k_agrees_with_exact_rationals_at_ten_thousand_samples():
    n, rng = 10_000, np.random.default_rng(0)
    correct = np.unique([0, 1, 2, 3, 10, 100, 5000, 9998, 9999, 10_000, *rng.integers(0, n, 20)])
    ks = np.unique([1, 2, 3, 9998, 9999, 10_000, *np.logspace(0, 4, 12).astype(int)])
    ours = pass_at_k(np.full(len(correct), n), correct, ks)
    for (i, c), (j, k) in itertools.product(enumerate(correct), enumerate(ks)):
        assert abs(ours[i, j] - float(exact(n, int(c), int(k)))) < 1e-9


@given(COUNTS)
def test_pass_at_1_is_the_fraction_correct(counts):
    n, c = counts
    assert pass_at_k([n], [c], [1])[0, 0] == pytest.approx(c / n, abs=1e-9)


@given(st.lists(COUNTS, min_size=1, max_size=5))
def test_coverage_is_monotonic_in_k_and_between_0_and_1(counts):
    n, c = map(np.array, zip(*counts, strict=True))
    curve = coverage(n, c, np.arange(1, n.min() + 1))
    assert ((curve >= 0) & (curve <= 1)).all()
    assert (np.diff(curve) >= -1e-9).all()


def test_pass_at_k_is_undefined_beyond_a_problems_samples():
    estimate = pass_at_k([5, 10], [1, 1], [5, 6])
    assert np.isnan(estimate).tolist() == [[False, True], [False, False]]
    assert np.isnan(coverage([5, 10], [1, 1], [6])).all()


def test_coverage_is_averaged_over_problems_with_unequal_sample_counts():
    assert coverage([4, 10], [2, 0], [2]) == pytest.approx([float(exact(4, 2, 2)) / 2])


@pytest.mark.parametrize(
    ("samples", "correct", "k"), [([3], [4], [1]), ([3], [-1], [1]), ([3], [1], [0]), ([3], [1], [1.5])]
)
def test_impossible_counts_are_rejected(samples, correct, k):
    with pytest.raises(ValueError, match=r"correct must lie|k must be"):
        pass_at_k(samples, correct, k)


def test_grids_run_from_1_to_the_largest_k():
    assert round_grid(1000).tolist() == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    assert round_grid(1024).tolist()[-2:] == [1000, 1024]
    for largest in (1, 2, 7, 1024, 10_000):
        assert log_grid(largest)[[0, -1]].tolist() == [1, largest]
        assert (np.diff(log_grid(largest)) > 0).all()


PUBLISHED = {
    # Brown et al. 2024, Fig. 2 and 3, recomputed from the published outcomes: coverage at 1, 10, 100, 1000, 10000
    ("MATH", "Llama-3-8B-Instruct"): (0.2684, 0.6093, 0.8290, 0.9342, 0.9844),
    ("MATH", "Llama-3-70B-Instruct"): (0.4786, 0.7614, 0.9243, 0.9692, 0.9844),
    ("MATH", "Pythia-70M"): (0.00065, 0.0060, 0.0361, 0.1241, 0.2656),
    ("MATH", "Pythia-12B"): (0.0232, 0.1568, 0.4834, 0.7233, 0.8750),
    ("CodeContests", "Llama-3-8B-Instruct"): (0.0212, 0.0465, 0.0959, 0.1648, 0.2357),
    ("CodeContests", "Llama-3-70B-Instruct"): (0.0744, 0.1422, 0.2189, 0.2890, 0.3786),
}


@pytest.mark.parametrize(("benchmark", "model"), PUBLISHED)
def test_published_counts_give_the_published_coverage(shared_data, benchmark, model):
    counts = pd.read_csv(shared_data / "outcomes" / "brown2024_counts.csv")
    counts = counts[(counts["benchmark"] == benchmark) & (counts["model"] == model)]
    curve = coverage(counts["num_samples"], counts["num_correct"], [1, 10, 100, 1000, 10_000])
    assert curve == pytest.approx(PUBLISHED[benchmark, model], abs=6e-5)


@pytest.mark.parametrize(("alpha", "beta"), [(0.25, 2.0), (0.6, 1.0), (1.0, 3.0)])
def test_beta_distributed_solve_rates_give_the_predicted_coverage_and_tail(alpha, beta):
    """1 − B(α, β + k) / B(α, β), whose distance from 1 falls as k^−α (Schaeffer et al. 2025, arXiv 2502.17578)."""
    rng = np.random.default_rng(0)
    rates = rng.beta(alpha, beta, 4000)
    correct = rng.binomial(10_000, rates)
    ks = np.array([1, 10, 100, 1000])
    expected = -np.expm1(betaln(alpha, beta + ks) - betaln(alpha, beta))
    measured = coverage(np.full(4000, 10_000), correct, ks)
    assert measured == pytest.approx(expected, abs=0.03)
    slope = np.diff(np.log(1 - measured))[1:] / np.diff(np.log(ks))[1:]
    assert -slope == pytest.approx(alpha, rel=0.25)
