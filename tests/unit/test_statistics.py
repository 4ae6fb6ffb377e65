import itertools

import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.coverage import coverage
from monkeys.analysis.statistics import (
    average,
    bayes_at_n,
    cover,
    g_pass_at_k,
    intraclass_correlation,
    statistics,
)
from monkeys.results.statistics import tabulate

COUNTS = [16] * 5, [0, 1, 5, 12, 16]


def test_numbers_are_those_of_another_implementation():
    """Printed by scorio 0.2.3 for these counts: bayes, avg, pass_hat_k, g_pass_at_k_tau, mg_pass_at_k."""
    assert bayes_at_n(*COUNTS) == pytest.approx((0.4333333333333334, 0.036318567380641494))
    assert average(*COUNTS)[0] == pytest.approx(0.425)
    assert g_pass_at_k(*COUNTS, 4, 1) == pytest.approx(0.2549450549450549)
    assert g_pass_at_k(*COUNTS, 16, 1) == pytest.approx(0.2)
    assert g_pass_at_k(*COUNTS, 8, 0.5) == pytest.approx(0.4282051282051282)
    assert g_pass_at_k(*COUNTS, 8, 0.75) == pytest.approx(0.3430769230769231)
    mean_over_shares = sum(g_pass_at_k(*COUNTS, 8, i / 8) for i in range(5, 9)) / 4
    assert mean_over_shares == pytest.approx(0.3006410256410256)


@pytest.mark.parametrize("k", range(1, 7))
def test_g_pass_is_the_share_of_subsets_with_enough_correct_samples(k):
    for c, needed in itertools.product(range(7), range(1, k + 1)):
        subsets = list(itertools.combinations([True] * c + [False] * (6 - c), k))
        share = np.mean([sum(subset) >= needed for subset in subsets])
        assert g_pass_at_k([6], [c], k, needed / k) == pytest.approx(share, abs=1e-12)


def test_g_pass_with_one_correct_sample_is_coverage_and_rounds_shares_up():
    samples, correct = [9, 12, 10_000], [1, 7, 30]
    for k in (1, 3, 9):
        assert g_pass_at_k(samples, correct, k, 1 / k) == pytest.approx(coverage(samples, correct, [k])[0])
    assert g_pass_at_k([200], [100], 100, 0.07) == g_pass_at_k([200], [100], 100, 0.065)
    assert np.isnan(g_pass_at_k([3, 9], [1, 1], 4, 1))


def test_cover_counts_problems_at_the_rate_itself():
    assert cover([10, 1000, 3], [1, 100, 0], 0.1) == pytest.approx(2 / 3)
    assert cover([10], [3], 0.3) == 1


def test_the_correlation_is_that_of_an_analysis_of_variance():
    """Of equal groups, (MSB − MSW) / (MSB + (n − 1) MSW), here from the samples themselves."""
    rng = np.random.default_rng(0)
    outcomes = rng.random((40, 6)) < rng.beta(0.5, 1, (40, 1))
    between = 6 * outcomes.mean(axis=1).var(ddof=1)
    within = outcomes.var(axis=1, ddof=1).mean()
    expected = (between - within) / (between + 5 * within)
    assert intraclass_correlation([6] * 40, outcomes.sum(axis=1)) == pytest.approx(expected)


def test_the_correlation_of_beta_distributed_solve_rates_is_known_and_does_not_depend_on_the_numbers_of_samples():
    """1 / (α + β + 1)."""
    rng = np.random.default_rng(0)
    samples = rng.integers(2, 60, 20_000)
    correct = rng.binomial(samples, rng.beta(0.5, 1.5, 20_000))
    assert intraclass_correlation(samples, correct) == pytest.approx(1 / 3, abs=0.01)


def test_errors_are_those_of_repeated_studies():
    rng = np.random.default_rng(0)
    rates = rng.beta(0.5, 1, 60)
    again = [average([20] * 60, rng.binomial(20, rates))[0] for _ in range(4000)]
    assert average([20] * 60, rng.binomial(20, rates))[2] == pytest.approx(np.std(again), rel=0.1)
    others = [average([20] * 60, rng.binomial(20, rng.beta(0.5, 1, 60)))[0] for _ in range(4000)]
    assert average([20] * 60, rng.binomial(20, rates))[1] == pytest.approx(np.std(others), rel=0.2)


def test_what_a_tally_does_not_tell_is_missing():
    one_sample = statistics(pd.DataFrame({"samples": [1, 1], "correct": [0, 1]}))
    assert np.isnan([one_sample["average_se_samples"], one_sample["correlation"], one_sample["pass^4"]]).all()
    one_problem = statistics(pd.DataFrame({"samples": [20], "correct": [3]}))
    assert np.isnan([one_problem["average_se"], one_problem["correlation"]]).all()
    for correct in (0, 20):
        assert np.isnan(statistics(pd.DataFrame({"samples": [20] * 3, "correct": correct}))["correlation"])
    unlike = statistics(pd.DataFrame({"samples": [20] * 3, "correct": 10}))
    assert unlike["correlation"] < 0 and np.isnan(unlike["effective_samples"])


def test_the_table_for_people_has_a_column_per_task_and_model():
    tally = pd.DataFrame({"samples": [10_000] * 2, "correct": [0, 1]})
    table, shown = tabulate({("math", "a"): tally, ("math", "b"): tally.assign(samples=3)})
    assert table["model"].tolist() == ["a", "b"] and table["samples"].tolist() == [10_000, 3]
    assert shown.columns.tolist() == ["statistic", "math a", "math b"]
    assert shown.set_index("statistic").loc[["samples", "pass^4"]].to_numpy().tolist() == [["10000", "3"], ["0", ""]]


@pytest.mark.parametrize(
    ("benchmark", "model", "expected"),
    [  # average, error over problems, error over samples, correlation, Cover at .001, .01, .1, .5
        ("MATH", "Llama-3-70B-Instruct", (0.479, 0.035, 0.0003, 0.61, 0.969, 0.922, 0.711, 0.484)),
        ("MATH", "Pythia-12B", (0.023, 0.004, 0.0001, 0.09, 0.688, 0.445, 0.062, 0.0)),
        ("CodeContests", "Llama-3-8B-Instruct", (0.021, 0.010, 0.0001, 0.65, 0.150, 0.079, 0.029, 0.014)),
    ],
)
def test_published_counts_give_numbers_computed_by_other_code(shared_data, benchmark, model, expected):
    counts = pd.read_csv(shared_data / "outcomes" / "brown2024_counts.csv")
    counts = counts[(counts["benchmark"] == benchmark) & (counts["model"] == model)]
    found = statistics(counts.rename(columns={"num_samples": "samples", "num_correct": "correct"}))
    names = ["average", "average_se", "average_se_samples", "correlation"]
    names += [f"cover@{rate}" for rate in (0.001, 0.01, 0.1, 0.5)]
    digits = [5e-4, 5e-4, 5e-5, 5e-3, 6e-4, 6e-4, 6e-4, 6e-4]
    for name, value, digit in zip(names, expected, digits, strict=True):
        assert found[name] == pytest.approx(value, abs=digit), name
