import io

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from scipy.special import betaln, hyp2f1

from monkeys.analysis import distributions as d
from monkeys.analysis.coverage import coverage
from monkeys.analysis.power_law import fit_power_law, log_spaced
from monkeys.analysis.prediction import (
    METHODS,
    back_test,
    back_test_errors,
    predictions,
    samples_until,
)
from monkeys.analysis.tables import csv_text
from monkeys.reporting import style
from monkeys.results import prediction, prediction_backtest

KS = np.array([1.0, 10, 1000])

PUBLISHED = {
    # benchmark, model: log-log a, b; Beta-binomial α, β; its coverage at 10,000; from the first 100 samples the
    # coverage at 10,000 by Beta-binomial and log-log, each with the sd over random orders
    ("MATH", "Llama-3-8B-Instruct"): (1.522, 0.4650, 0.3518, 0.9044, 0.967, (0.960, 0.003), (0.974, 0.004)),
    ("MATH", "Llama-3-70B-Instruct"): (0.663, 0.4339, 0.3831, 0.4059, 0.984, (0.982, 0.002), (0.992, 0.002)),
    ("MATH", "Pythia-70M"): (7.995, 0.1938, 0.0650, 100.1, 0.259, (0.227, 0.157), (0.223, 0.050)),
    ("MATH", "Pythia-12B"): (4.192, 0.3720, 0.2955, 12.36, 0.863, (0.849, 0.024), (0.868, 0.013)),
    ("CodeContests", "Llama-3-8B-Instruct"): (3.904, 0.1098, 0.0269, 1.027, 0.230, (0.165, 0.026), (0.237, 0.041)),
    ("CodeContests", "Llama-3-70B-Instruct"): (2.446, 0.0998, 0.0384, 0.3539, 0.369, (0.321, 0.014), (0.404, 0.019)),
}


def predict(method, samples, correct, ks=KS):
    return METHODS[method](np.asarray(samples), np.asarray(correct), np.asarray(ks, float), 0.95)


def draw(rates, samples, seed=0):
    """Counts of problems with these solve rates."""
    samples = np.broadcast_to(samples, np.shape(rates))
    return samples, np.random.default_rng(seed).binomial(samples, rates)


def beta_rates(problems, alpha, beta, seed=1):
    return np.random.default_rng(seed).beta(alpha, beta, problems)


@pytest.mark.parametrize(("benchmark", "model"), PUBLISHED)
def test_fits_to_published_counts_agree_with_an_independent_computation(shared_data, benchmark, model):
    a, b, alpha, beta, at_all, beta_from_100, law_from_100 = PUBLISHED[benchmark, model]
    counts = pd.read_csv(shared_data / "outcomes" / "brown2024_counts.csv")
    counts = counts[(counts["benchmark"] == benchmark) & (counts["model"] == model)]
    samples, correct = counts["num_samples"].to_numpy(), counts["num_correct"].to_numpy()
    (first, tenth), *_ = -np.log(predict("log_log", samples, correct, [1, 10]))
    assert (first, np.log10(first / tenth)) == pytest.approx((a, b), rel=5e-4)
    parameters, _ = d.fit(d.BetaBinomial(samples, correct), 0.95)
    assert np.exp(parameters) == pytest.approx((alpha, beta), rel=1e-3)
    assert predict("beta_binomial", samples, correct, [10_000])[0] == pytest.approx(at_all, abs=6e-4)
    assert d.fit(d.ZeroInflated(samples, correct), 0.95)[0][2] < 1e-3
    rng = np.random.default_rng(0)
    orders = [rng.hypergeometric(correct, samples - correct, 100) for _ in range(20)]
    for method, (mean, sd) in (("beta_binomial", beta_from_100), ("log_log", law_from_100)):
        found = [predict(method, np.full(len(order), 100), order, [10_000])[0][0] for order in orders]
        assert np.mean(found) == pytest.approx(mean, abs=0.002 + sd)


def test_the_likelihood_is_that_of_the_beta_binomial_for_unequal_numbers_of_samples():
    samples, correct = np.array([5, 5, 9, 20]), np.array([0, 0, 3, 20])
    pairs = np.log([[0.3, 2.0], [1.5, 0.7]])
    known = [stats.betabinom.logpmf(correct, samples, *np.exp(pair)).sum() for pair in pairs]
    found = d.BetaBinomial(samples, correct).log_likelihood(*pairs.T)
    assert found[0] - found[1] == pytest.approx(known[0] - known[1])
    inflated = d.ZeroInflated(samples, correct).log_likelihood(*pairs[0], np.array([0.0, 0.2]))
    zeros = stats.betabinom.pmf(0, 5, *np.exp(pairs[0]))
    assert inflated[1] - inflated[0] == pytest.approx(2 * np.log((0.2 + 0.8 * zeros) / zeros) + 2 * np.log(0.8))


@pytest.mark.parametrize("kind", [d.BetaBinomial, d.ZeroInflated, d.ScaledBeta, d.Kumaraswamy])
def test_coverage_is_the_integral_over_the_solve_rate(kind):
    alpha, beta, share = 0.4, 3.0, 0.25
    distribution = kind(np.array([10, 10, 10]), np.array([0, 1, 5]))
    scale = distribution.scale if issubclass(kind, d.Scaled) else 1.0
    density = {
        d.Kumaraswamy: lambda x: alpha * beta * x ** (alpha - 1) * (1 - x**alpha) ** (beta - 1),
    }.get(kind, stats.beta(alpha, beta).pdf)
    # in x = y^5, because the density is infinite at 0
    known = [
        integrate.quad(lambda y, k=k: 5 * y**4 * density(y**5) * (1 - (1 - scale * y**5) ** k), 0, 1, limit=200)[0]
        for k in KS
    ]
    if kind is d.ZeroInflated:
        known = (1 - share) * np.array(known)
    parameters = np.array([[np.log(alpha)], [np.log(beta)], [share]])[: len(kind.bounds)]
    assert distribution.coverage(parameters, KS)[0] == pytest.approx(known, rel=1e-3)


def test_coverage_of_a_scaled_beta_is_the_published_hypergeometric_function():
    distribution = d.ScaledBeta(np.array([10, 10]), np.array([0, 5]))
    known = 1 - hyp2f1(-KS, 0.3, 4.3, 0.5)
    assert distribution.coverage(np.log([[0.3], [4.0]]), KS)[0] == pytest.approx(known, rel=1e-3)


def test_the_bins_are_those_of_the_published_code():
    """[0, 1/n), then log-spaced edges from 1/n to 1; only bins with problems count."""
    n, correct = 200, np.array([0, 0, 1, 3, 199, 200])
    distribution = d.ScaledBeta(np.full(6, n), correct)
    edges = np.concatenate([[0], np.logspace(np.log10(1 / n), 0, n // 10)])
    edges[-1] = 1
    counts, _ = np.histogram(correct / n, edges)
    np.testing.assert_array_equal(distribution.weights, counts[counts > 0])
    np.testing.assert_allclose(distribution.edges[0], edges[:-1][counts > 0])


def test_empirical_bayes_is_the_mean_of_the_problems_posteriors():
    samples, correct = np.array([5, 8, 8, 20]), np.array([0, 3, 3, 19])
    distribution, parameters = d.EmpiricalBayes(samples, correct), np.log([[0.3], [2.0]])
    rates = np.random.default_rng(0).beta(0.3 + correct, 2.0 + samples - correct, (200_000, 4))
    for k, found, sd in zip(
        KS, distribution.coverage(parameters, KS)[0], distribution.sd(parameters, KS)[0], strict=True
    ):
        drawn = (1 - (1 - rates) ** k).mean(axis=1)
        assert (found, sd) == pytest.approx((drawn.mean(), drawn.std()), rel=0.01)


@pytest.mark.slow
def test_true_distributions_are_found_in_the_mean():
    rng = np.random.default_rng(3)
    unequal = rng.integers(50, 200, 4000)
    rates = beta_rates(4000, 0.3, 1)
    truth = -np.expm1(betaln(0.3, 1 + KS) - betaln(0.3, 1))
    for method in ("beta_binomial", "zero_inflated", "empirical_bayes"):
        assert predict(method, *draw(rates, unequal))[0] == pytest.approx(truth, rel=0.03)
    hidden = rates * (rng.random(4000) > 0.4)
    assert predict("zero_inflated", *draw(hidden, 100))[0] == pytest.approx(0.6 * truth, rel=0.05)
    assert predict("beta_binomial", *draw(hidden, 100))[0][2] > 0.6 * truth[2]  # it knows no impossible problems
    scaled = 0.5 * beta_rates(4000, 0.4, 3)
    truth = 1 - hyp2f1(-KS, 0.4, 3.4, 0.5)
    for method in ("scaled_beta", "kumaraswamy"):
        assert predict(method, *draw(scaled, 300))[0] == pytest.approx(truth, rel=0.1)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    for_all, for_these = [], []
    for seed in range(60):
        rates = beta_rates(100, 0.3, 1, seed)
        counts = draw(rates, 30, seed)
        _, low, high = predict("beta_binomial", *counts, [500])
        for_all.append(low[0] <= -np.expm1(betaln(0.3, 501) - betaln(0.3, 1)) <= high[0])
        _, low, high = predict("empirical_bayes", *counts, [500])
        for_these.append(low[0] <= (1 - (1 - rates) ** 500).mean() <= high[0])
    assert np.mean(for_all) > 0.85 and np.mean(for_these) > 0.85


def test_the_interval_is_the_range_over_all_parameters_that_the_likelihood_does_not_reject():
    samples, correct = draw(beta_rates(60, 0.3, 1), 30)
    distribution = d.BetaBinomial(samples, correct)
    best, _ = d.fit(distribution, 0.95)
    near = best[:, None] + np.random.default_rng(0).uniform(-1.5, 1.5, (2, 20_000))
    kept = near[
        :, distribution.log_likelihood(*near) >= distribution.log_likelihood(*best) - stats.chi2.ppf(0.95, 1) / 2
    ]
    values = distribution.coverage(kept, KS)
    _, low, high = predict("beta_binomial", samples, correct)
    assert low == pytest.approx(values.min(axis=0), abs=0.01) and high == pytest.approx(values.max(axis=0), abs=0.01)


def test_the_laws_are_least_squares_fits_to_the_curve():
    samples, correct = draw(beta_rates(50, 0.3, 3), 1000)
    ks = np.unique(log_spaced(1000, 100))
    line = np.polyfit(np.log(ks), np.log(-np.log(coverage(samples, correct, ks))), 1)
    assert predict("log_log", samples, correct)[0] == pytest.approx(np.exp(-np.exp(np.polyval(line, np.log(KS)))))
    law = fit_power_law(pd.DataFrame({"samples": samples, "correct": correct}))
    point, low, high = predict("exponentiated", samples, correct)
    assert point == pytest.approx(law(KS))
    assert (low < point).all() and (point < high).all() and (high - low < 0.3).all()


def test_points_where_coverage_is_one_are_left_out_of_the_log_log_fit():
    samples, correct = np.full(20, 100), np.arange(5, 100, 5).repeat(2)[:20]
    ks = np.unique(log_spaced(100, 100))
    curve = coverage(samples, correct, ks)
    assert (curve == 1).any()
    line = np.polyfit(np.log(ks[curve < 1]), np.log(-np.log(curve[curve < 1])), 1)
    assert predict("log_log", samples, correct)[0] == pytest.approx(np.exp(-np.exp(np.polyval(line, np.log(KS)))))


@pytest.mark.parametrize(
    ("samples", "correct", "defined"),
    [
        ([100, 100], [0, 0], set()),
        ([1, 1], [1, 0], set()),
        ([100, 100], [100, 100], set(METHODS) - {"log_log"}),
    ],
)
def test_undefined_predictions_are_nan(samples, correct, defined):
    found = predictions(samples, correct, [1, 1000], 0.95).set_index("method")
    undefined = found[["coverage", "low", "high"]].isna()
    assert set(undefined.index[~undefined.any(axis=1)]) == defined
    assert undefined.loc[~undefined.index.isin(defined)].all(axis=None)


@pytest.mark.slow
def test_a_back_test_predicts_the_coverage_of_all_samples_from_the_first_ones():
    samples, correct = draw(beta_rates(40, 0.4, 2), np.repeat([400, 1000], 20))
    rows = back_test(samples, correct, 0.95, 0)
    assert rows.equals(back_test(samples, correct, 0.95, 0)) and not rows.equals(back_test(samples, correct, 0.95, 1))
    assert sorted(rows["samples"].unique()) == [4, 12, 40, 120] and set(rows["order"]) == set(range(5))
    assert set(rows["method"]) == set(METHODS)
    assert set(rows["k"]) == {400} and rows["coverage"].to_numpy() == pytest.approx(
        coverage(samples, correct, [400])[0]
    )
    errors = back_test_errors(rows).set_index("method")
    assert (errors["repeats"] == 20).all() and errors["recommended"].sum() == 1
    assert errors["error"].idxmin() == errors["recommended"].idxmax()
    assert errors.loc["beta_binomial", "error"] < 0.1 and errors.loc["beta_binomial", "calibration"] > 0.7


def test_errors_leave_out_repeats_without_any_prediction_and_recommend_only_what_is_always_defined():
    nan = np.nan
    rows = pd.DataFrame(
        [
            ("log_log", 4, 0, nan, nan, nan),
            ("beta_binomial", 4, 0, nan, nan, nan),
            ("log_log", 4, 1, nan, nan, nan),
            ("beta_binomial", 4, 1, 0.4, 0.3, 0.45),
            ("log_log", 12, 0, 0.5, 0.5, 0.5),
            ("beta_binomial", 12, 0, 0.6, 0.4, 0.7),
        ],
        columns=["method", "samples", "order", "predicted", "low", "high"],
    ).assign(k=40, coverage=0.5)
    table = back_test_errors(rows).set_index("method")
    assert list(table.index) == list(METHODS)
    found = table.loc["beta_binomial"]
    assert found[["repeats", "defined"]].tolist() == [2, 1] and found["recommended"]
    assert found[["error", "bias", "calibration"]].tolist() == pytest.approx([0.2, 0, 0.5])
    assert table.loc["log_log", ["defined", "error", "recommended"]].tolist() == [0.5, 0, False]
    assert table.loc["kumaraswamy", "repeats"] == 0 and np.isnan(table.loc["kumaraswamy", "error"])


@pytest.mark.parametrize("counts", [([8, 8], [1, 0]), ([100, 100], [0, 0])])
def test_without_a_back_test_no_method_is_recommended(counts):
    table = back_test_errors(back_test(*counts, 0.95, 0))
    assert len(table) == len(METHODS) and not table["recommended"].any() and table["error"].isna().all()


def test_the_samples_until_a_coverage_are_those_of_the_predicted_curve():
    samples, correct = draw(beta_rates(200, 0.3, 1), 50)
    expected, low, high = samples_until(samples, correct, "beta_binomial", 0.9, 0.95)
    assert predict("beta_binomial", samples, correct, [expected])[0] == pytest.approx(0.9, abs=0.01)
    assert low < expected < high
    assert predict("beta_binomial", samples, correct, [low])[2] == pytest.approx(0.9, abs=0.01)


def test_a_share_of_impossible_problems_makes_a_high_coverage_unreachable():
    rates = beta_rates(1000, 2, 3) * (np.arange(1000) % 2)
    assert samples_until(*draw(rates, 100), "zero_inflated", 0.9, 0.95) == (np.inf, np.inf, np.inf)
    assert np.isnan(samples_until([9, 9], [0, 0], "zero_inflated", 0.9, 0.95)).all()


@pytest.mark.filterwarnings("error")
def test_tasks_and_models_without_a_back_test_or_prediction_have_rows_and_panels():
    counts = {"few": (8, [0, 1, 8]), "some": (32, [0, 3, 9, 32, 0]), "none": (32, [0, 0]), "once": (1, [0, 1])}
    tallies = {("t", model): pd.DataFrame({"samples": n, "correct": c}) for model, (n, c) in counts.items()}

    def reread(table):
        return pd.read_csv(io.StringIO(csv_text(table)))

    errors = reread(prediction_backtest.tabulate(tallies, reread(prediction_backtest.compute(tallies, 0.95, 0))))
    curves = reread(prediction.compute(tallies, 0.95))
    table = reread(prediction.tabulate(curves, errors))
    assert len(table) == len(errors) == len(tallies) * len(METHODS)
    assert table["model"][table["recommended"]].tolist() == ["some"]
    assert table.groupby("model")["k"].first().to_dict() == {"few": 80, "some": 320, "none": 320, "once": 10}
    measured = [pd.DataFrame({"task": "t", "model": m, "k": [1], "coverage": 0.5}) for m in counts]
    figure = prediction.draw(pd.concat(measured), curves, table, style.assign_looks(counts))
    notes = [{text.get_text() for text in axes.texts} for axes in figure.axes]
    assert ["no recommendation" in texts for texts in notes] == [True, False, True, True]
