import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.imperfect import (
    GRID,
    ErrorRates,
    best_attempts,
    corrected_curve,
    resampling,
    true_coverage,
    true_rates,
    two_type_reward,
)

PERFECT = ErrorRates(0, 0)
NOISY = ErrorRates(false_positive=0.02, false_negative=0.1)


def at(*rates):
    """Weights of problems with these rates, each with the same share."""
    weights = np.zeros(GRID.size)
    for rate in rates:
        weights[np.abs(GRID - rate).argmin()] += 1 / len(rates)
    return weights


def test_a_verifier_that_is_no_better_than_chance_is_an_error():
    with pytest.raises(ValueError, match="must accept more of the correct samples than of the wrong ones"):
        ErrorRates(false_positive=0.5, false_negative=0.5)


def test_resampling_agrees_with_a_simulation():
    rng = np.random.default_rng(0)
    weights, draws, attempts = at(0, 0.1, 0.5), 60_000, 8
    rates = GRID[rng.choice(GRID.size, size=draws, p=weights)]
    correct = rng.random((draws, attempts)) < rates[:, None]
    noise = rng.random((draws, attempts))
    accepted = np.where(correct, noise >= NOISY.false_negative, noise < NOISY.false_positive)
    for k in (1, 3, 8):
        ends = accepted[:, :k].any(axis=1)
        chosen = correct[np.arange(draws), accepted[:, :k].argmax(axis=1)]
        right, wrong = resampling(weights, [k], NOISY)
        assert right[0] == pytest.approx((ends & chosen).mean(), abs=0.007)
        assert wrong[0] == pytest.approx((ends & ~chosen).mean(), abs=0.007)


def test_resampling_without_limit_always_ends_where_anything_is_accepted():
    right, wrong = resampling(at(0, 0.1), [np.inf], NOISY)
    assert right[0] + wrong[0] == pytest.approx(1)
    right, wrong = resampling(at(0, 0.1), [np.inf], PERFECT)
    assert (right[0], wrong[0]) == (pytest.approx(0.5), 0)


def test_a_perfect_verifier_reaches_coverage():
    ks = [1, 10, 100]
    weights = at(0.001, 0.03, 0.7)
    right, wrong = resampling(weights, ks, PERFECT)
    assert right == pytest.approx(true_coverage(weights, ks))
    assert not wrong.any()


@pytest.mark.parametrize("errors", [PERFECT, NOISY])
def test_true_coverage_is_recovered_from_what_an_imperfect_verifier_accepts(errors):
    """On average over studies of 128 problems, half of which the model cannot solve."""
    rng = np.random.default_rng(1)
    ks, samples, found, truth = [1, 10, 100], 400, [], []
    for _ in range(20):
        rates = np.where(rng.random(128) < 0.5, 0, rng.beta(0.5, 3, 128))
        accepted = rng.binomial(samples, errors.accepted(rates))
        found.append(true_coverage(true_rates(accepted, np.full(128, samples), errors), ks))
        truth.append((1 - (1 - rates[:, None]) ** ks).mean(axis=0))
    assert np.mean(found, axis=0) == pytest.approx(np.mean(truth, axis=0), abs=0.03)
    naive = np.mean(1 - (1 - errors.accepted(0)) ** 100)
    if errors is NOISY:
        assert naive > 0.8  # without the correction, most unsolvable problems would count as solved at k = 100


def test_without_errors_the_corrected_curve_is_coverage():
    tally = pd.DataFrame({"samples": 200, "correct": [0, 1, 5, 40, 200]})
    curve = corrected_curve(tally, [1, 10, 100], PERFECT, confidence=0.95, seed=0)
    assert curve["coverage"].to_numpy() == pytest.approx(curve["accepted"].to_numpy(), abs=0.02)
    assert (curve["low"] <= curve["coverage"]).all() and (curve["coverage"] <= curve["high"]).all()
    assert curve["ceiling"].isna().all()


def test_false_positives_are_not_counted_as_coverage():
    rng = np.random.default_rng(2)
    accepted = rng.binomial(1000, NOISY.accepted(np.zeros(128)))
    tally = pd.DataFrame({"samples": 1000, "correct": accepted})
    curve = corrected_curve(tally, [1, 100], NOISY, confidence=0.95, seed=0)
    assert curve["accepted"][1] > 0.8
    assert curve["coverage"][1] < 0.1
    assert curve["ceiling"][0] < 0.1


def test_the_best_number_of_attempts_falls_with_the_cost_of_a_wrong_answer():
    ks = [1, 2, 5, 10, 100]
    right, wrong = resampling(at(0, 0.05, 0.6), ks, NOISY)
    best = [best_attempts(right, wrong, ks, cost)[0] for cost in (0, 1, 4, 100)]
    assert best[0] == 100
    assert best == sorted(best, reverse=True)
    assert best_attempts(right, wrong, ks, 1000) == (0, 0.0)


def test_the_exact_reward_of_two_types_is_that_of_resampling():
    r, prior, soundness = (0.87, 0.13), (0.58, 0.42), 0.75
    exact = two_type_reward(r, prior, 1.0, soundness, 50)
    q = [accuracy + (1 - accuracy) * (1 - soundness) for accuracy in r]
    for k in (1, 2, 50):
        ends = [1 - (1 - accepted) ** k for accepted in q]
        parts = [
            (accuracy - (1 - accuracy) * (1 - soundness)) / accepted * end
            for accuracy, accepted, end in zip(r, q, ends, strict=True)
        ]
        assert exact[k - 1] == pytest.approx(np.dot(parts, prior))


def test_the_published_reward_of_two_types_differs_from_the_exact_one_after_the_second_attempt():
    arguments = ((0.87, 0.13), (0.58, 0.42), 1.0, 0.75, 20)
    exact, published = two_type_reward(*arguments), two_type_reward(*arguments, as_published=True)
    assert exact[0] == published[0]
    assert np.abs(exact - published)[1:].min() > 1e-4
