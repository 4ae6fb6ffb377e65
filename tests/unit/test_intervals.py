import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln
from scipy.stats import beta, betabinom, binom

from monkeys.analysis.coverage import pass_at_k
from monkeys.analysis.intervals import coverage_curve, fit_beta_binomial, mean_bound, over_samples
from monkeys.reporting.captions import interval
from monkeys.study import Study


def curve(samples, correct, ks, over="problems", draws=1000, seed=0):
    return coverage_curve(pd.DataFrame({"samples": samples, "correct": correct}), ks, over, draws, 0.95, seed)


def test_the_interval_contains_the_estimate_and_is_reproducible():
    first, again, other = (curve(100, np.arange(40) * 2, [1, 10, 100], seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    assert ((first["low"] <= first["coverage"]) & (first["coverage"] <= first["high"])).all()


def test_the_width_of_the_interval_follows_from_the_number_of_problems():
    rates = curve(10, [0, 10] * 50, [1]).loc[0]
    assert rates["high"] - rates["low"] == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(100), rel=0.1)


def test_the_interval_over_problems_includes_sampling_error_even_if_problems_are_equally_hard():
    correct = np.random.default_rng(0).binomial(4, 0.3, size=100)
    for over in ("problems", "samples"):
        rates = curve(4, correct, [1], over).loc[0]
        assert rates["high"] - rates["low"] == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 400), rel=0.2)


def share_held(alpha, beta, problems, samples, ks, over, studies=200):
    """Share of simulated studies whose interval is defined and holds the truth, or is not defined; shape (ks,)."""
    rng, ks, held = np.random.default_rng(0), np.asarray(ks), []
    for seed in range(studies):
        rates = rng.beta(alpha, beta, size=problems)
        truth = np.mean(1 - (1 - rates[:, None]) ** ks, axis=0)
        if over == "problems":
            truth = -np.expm1(betaln(alpha, beta + ks) - betaln(alpha, beta))
        found = curve(samples, rng.binomial(samples, rates), ks, over, 300, seed)
        held.append(~((truth < found["low"]) | (found["high"] < truth)))
    return np.mean(held, axis=0)


@pytest.mark.parametrize(
    ("alpha", "beta", "problems", "samples", "ks"),
    [
        (0.3, 1, 30, 100, [1, 10, 100]),
        (0.015, 76, 140, 1000, [1, 100, 1000]),  # as few solved problems as weak models have on hard tasks
        (1.04, 0.34, 127, 1000, [1, 10, 100]),  # almost all problems solved
        (5, 0.3, 30, 64, [1, 4, 64]),
    ],
)
@pytest.mark.parametrize("over", ["problems", "samples"])
def test_intervals_hold_the_truth_as_often_as_they_say(alpha, beta, problems, samples, ks, over):
    """The documentation has the same with more studies."""
    assert (share_held(alpha, beta, problems, samples, ks, over) >= 0.91).all()


@pytest.mark.parametrize(("correct", "low", "high"), [(0, 0, 1 - 0.025 ** (1 / 20)), (4, 0.025 ** (1 / 20), 1)])
def test_none_or_all_solved_gives_a_clopper_pearson_interval(correct, low, high):
    rates = curve(4, [correct] * 20, [1, 4], draws=4000)
    assert rates["low"].to_numpy() == pytest.approx(low, abs=0.01)
    assert rates["high"].to_numpy() == pytest.approx(high, abs=0.01)


def test_a_single_problem_gives_a_wide_interval():
    rates = curve(4, [2], [1], draws=4000).loc[0]
    assert rates["low"] == pytest.approx(0.0125, abs=0.01) and rates["high"] == pytest.approx(0.9875, abs=0.01)


def test_equal_counts_do_not_give_a_point():
    rates = curve(4, [2] * 10, [1]).loc[0]
    assert rates["low"] < 0.45 and rates["high"] > 0.55


def test_the_bound_of_the_mean_is_clopper_pearson_for_successes_and_failures():
    values = np.repeat([0.0, 1.0], [17, 3])[:, None]
    low, high = mean_bound(values, 20_000, 0.95, np.random.default_rng(0))
    assert low[0] == pytest.approx(beta.ppf(0.025, 3, 18), abs=0.006)
    assert high[0] == pytest.approx(beta.ppf(0.975, 4, 17), abs=0.006)


def test_the_fit_is_the_maximum_of_the_likelihood_for_unequal_samples():
    rng = np.random.default_rng(0)
    samples = rng.integers(5, 60, size=80)
    correct = rng.binomial(samples, rng.beta(0.4, 2, size=80))
    logs, information = fit_beta_binomial(samples, correct)

    def likelihood(shift):
        return betabinom.logpmf(correct, samples, *np.exp(logs + shift)).sum()

    step = 1e-3 * np.eye(2)
    for i, j in itertools.product(range(2), repeat=2):
        assert likelihood(50 * step[i]) < likelihood(0) > likelihood(-50 * step[i])
        ahead = likelihood(step[i] + step[j]) - likelihood(step[i] - step[j])
        behind = likelihood(step[j] - step[i]) - likelihood(-step[i] - step[j])
        assert information[i, j] == pytest.approx((behind - ahead) / 4e-6, rel=0.01)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_variance_over_samples_is_unbiased(k):
    n, p = 30, np.array([0.03, 0.2, 0.6])
    counts = np.arange(n + 1)
    chance = binom.pmf(counts[:, None], n, p)
    estimate = pass_at_k(np.full(n + 1, n), counts, [k])[:, 0]
    true = (estimate**2 @ chance - (estimate @ chance) ** 2).sum() / 9
    # the width on the logit scale gives back the variance that was estimated from each outcome
    doubled = pass_at_k(np.full(n + 1, n), counts, [2 * k])[:, 0]
    assert (estimate**2 - 2 * estimate + doubled) @ chance @ np.ones(3) / 9 == pytest.approx(true)
    low, high = over_samples([n] * 3, [1, 6, 18], np.array([k]), 0.6826895)
    variance = sum(estimate[c] ** 2 - 2 * estimate[c] + doubled[c] for c in (1, 6, 18)) / 9
    assert (high - low)[0] / 2 == pytest.approx(np.sqrt(variance), rel=0.05)


def test_an_interval_over_samples_is_undefined_with_few_samples():
    rates = curve([400] * 20 + [500], 5, [1, 40, 41, 400, 500], "samples")
    assert rates["low"].notna().tolist() == rates["high"].notna().tolist() == [True, True, False, False, False]
    for samples, correct in ((1, [0, 1]), (10, [0, 10]), (10, [1, 0])):  # unknown, 0 and huge standard errors
        assert curve(samples, correct, [1], "samples")["low"].isna().all()


def test_without_intervals_there_are_no_limits():
    rates = curve([4], [1], [1], "none")
    assert rates[["low", "high"]].isna().all(axis=None) and rates["coverage"][0] == pytest.approx(0.25)


def test_beyond_a_problems_samples_nothing_is_defined():
    rates = curve([4, 9], [1, 3], [2, 5])
    assert rates.notna().all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize(
    ("over", "said"), [("problems", "all problems of the same kind"), ("samples", "these problems")]
)
def test_captions_say_what_intervals_are_for(over, said):
    study = {
        "study": "s",
        "tasks": {"gsm8k": {"samples": 8, "shard_size": 8}},
        "analysis": {"intervals": over, "confidence": 0.9},
    }
    study["models"] = {"m": {"weights": "o/m", "revision": "main", "tasks": ["gsm8k"]}}
    assert f"Bands are 90 % intervals for {said}" in interval(Study.load(study), "Bands")
    study["analysis"]["intervals"] = "none"
    assert interval(Study.load(study), "Bands") == ""
