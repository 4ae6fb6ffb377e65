import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, ttest_rel

from monkeys.analysis.comparison import compare, holm, paired_test, pass_at_budget
from monkeys.analysis.coverage import pass_at_k
from monkeys.results import comparison


def tally(correct, samples=10, ids=None, tokens=None):
    ids = ids or [f"p{i}" for i in range(len(correct))]
    counted = pd.array([tokens] * len(correct), dtype="Int64")
    columns = {"samples": samples, "correct": correct, "prompt_tokens": counted, "generated_tokens": counted}
    return pd.DataFrame({"problem_id": ids, **columns})


def no_costs(model, tally):
    return {}


def test_between_two_integers_coverage_is_the_mean_over_a_random_number_of_samples():
    given = tally([0, 1, 4, 10])
    two, three = pass_at_k(given["samples"], given["correct"], [2, 3]).T
    np.testing.assert_allclose(pass_at_budget(given, 2.3), 0.7 * two + 0.3 * three)
    np.testing.assert_array_equal(pass_at_budget(given, 3), three)
    np.testing.assert_array_equal(pass_at_budget(given, 10.0), [0, 1, 1, 1])
    for unknown in (0.99, 10.1, np.nan):
        assert np.isnan(pass_at_budget(given, unknown)).all()


def test_the_test_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 40))
    low, high, p = paired_test(a - b, 0.9)
    expected = ttest_rel(a, b)
    assert p == pytest.approx(expected.pvalue)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval(0.9)))


def test_equal_differences_leave_room_for_unseen_problems():
    low, high, p = paired_test(np.zeros(100), 0.95)
    assert p == 1 and high == -low
    assert binom.pmf(0, 100, high) == pytest.approx(0.025)  # of so rare a problem, 100 contain none this often
    assert paired_test(np.ones(10), 0.95)[2] == pytest.approx(2 * 0.5**10)  # as in the sign test
    assert paired_test([0.5], 0.95)[2] == 1
    for size, value in [(1, 1.0), (5, 1.0), (6, 1.0), (10, 0.2), (30, 0.2), (40, -0.1), (50, 0.0)]:
        low, high, p = paired_test(np.full(size, value), 0.95)
        assert -1 <= low <= value <= high <= 1
        assert (p < 0.05) == (not low <= 0 <= high)
    assert paired_test(np.where(np.arange(100) < 90, 1e-16, 0), 0.95) == paired_test(np.zeros(100), 0.95)
    assert np.isnan(paired_test([], 0.95)).all() and np.isnan(paired_test([0.1, np.nan], 0.95)).all()


@pytest.mark.parametrize("problems", [30, 128])
@pytest.mark.parametrize(
    ("alpha", "beta"), [(0.5, 0.8), (0.05, 8), (8, 0.05)]
)  # any, almost no and almost full coverage
def test_equal_models_are_rarely_found_to_differ(problems, alpha, beta):
    rng, rejected = np.random.default_rng(0), []
    for _ in range(200):
        rates = rng.beta(alpha, beta, (2, problems))
        first, second = pass_at_k(np.full(2 * problems, 50), rng.binomial(50, rates).ravel(), [5]).reshape(2, -1)
        low, high, p = paired_test(first - second, 0.95)
        rejected.append(p < 0.05)
        assert (p < 0.05) == (not low <= 0 <= high)
    assert sum(rejected) <= binom.isf(0.001, 200, 0.05)


def test_a_better_model_is_found_in_most_studies_and_the_interval_contains_its_lead():
    rng, rejected, contained = np.random.default_rng(0), [], []
    for _ in range(200):
        hard = rng.beta(0.5, 2, 128)
        easy = hard + 0.2 * (1 - hard)
        first, second = (pass_at_k(np.full(128, 100), rng.binomial(100, rate), [1])[:, 0] for rate in (easy, hard))
        low, high, p = paired_test(first - second, 0.95)
        rejected.append(p < 0.05)
        contained.append(low <= 0.2 * 0.8 <= high)
    assert np.mean(rejected) > 0.95 and np.mean(contained) > 0.9


def test_p_values_are_corrected_by_holms_method():
    # the example of R's p.adjust(c(.01, .02, .03, .04), "holm")
    np.testing.assert_allclose(holm([0.04, 0.01, np.nan, 0.03, 0.02]), [0.06, 0.04, np.nan, 0.06, 0.06])
    assert holm([0.6, 0.7]).tolist() == [1, 1] and holm([]).size == 0


def test_models_are_compared_at_one_sample_and_at_the_largest_budgets_of_both():
    tallies = {"a": tally([1, 5, 9], 10), "b": tally([1, 2, 3], 4)}
    costs = {"a": {"tokens": (0.0, 100.0), "flops": (10.0, 5.0)}, "b": {"tokens": (0.0, 30.0), "flops": (2.0, np.nan)}}
    table = compare(tallies, lambda model, _: costs[model], 0.95)
    assert table[["at", "budget", "k_a", "k_b"]].to_numpy().tolist() == [
        ["k", 1, 1, 1],
        ["k", 4, 4, 4],
        ["tokens", 120, 1.2, 4],
    ]
    last = table.iloc[-1]
    a, b = pass_at_budget(tallies["a"], 1.2), pass_at_budget(tallies["b"], 4)
    assert (last["coverage_a"], last["coverage_b"]) == pytest.approx((a.mean(), b.mean()))
    assert last["difference"] == pytest.approx(a.mean() - b.mean())
    assert (last["low"], last["high"], last["p"]) == pytest.approx(paired_test(a - b, 0.95))
    np.testing.assert_allclose(table["p_corrected"], holm(table["p"]))


def test_a_budget_below_the_price_of_a_sample_allows_no_comparison():
    tallies = {"a": tally([1, 5]), "b": tally([1, 2])}
    table = compare(tallies, lambda model, _: {"dollars": (0.0, 100.0 if model == "a" else 1.0)}, 0.95)
    last = table.iloc[-1]
    assert (last["at"], last["budget"]) == ("dollars", 10) and np.isnan(last["k_a"]) and last["k_b"] == 10
    assert last[["coverage_a", "difference", "low", "high", "p", "p_corrected"]].isna().all()
    np.testing.assert_allclose(table["p_corrected"][:2], holm(table["p"][:2]))


def test_models_that_cost_nothing_are_not_compared_at_equal_cost():
    tallies = {"a": tally([1, 5]), "b": tally([1, 2])}
    table = compare(tallies, lambda model, _: {"dollars": (0.0, 1.0 if model == "a" else 0.0)}, 0.95)
    assert table["at"].tolist() == ["k", "k"]


def test_only_common_problems_count_in_any_order():
    tallies = {"a": tally([9, 1, 5], ids=["x", "y", "z"]), "b": tally([2, 8, 0], ids=["w", "x", "y"])}
    seen = []
    table = compare(tallies, lambda _, tally: seen.append(list(tally["problem_id"])) or {}, 0.95)
    assert seen == [["x", "y"], ["x", "y"]]
    assert table.loc[0, ["problems", "coverage_a", "coverage_b"]].tolist() == pytest.approx([2, 0.5, 0.4])
    assert compare({"a": tallies["a"], "b": tally([1], ids=["q"])}, no_costs, 0.95).empty


def test_costs_of_a_study_decide_what_is_equal():
    tallies = {("t", "a"): tally([1, 5], tokens=1000), ("t", "b"): tally([3, 4], tokens=500), ("u", "a"): tally([1])}
    prices = [("t", model, {"sample": 0.1, "prompt": None, "generated": None}) for model in ("a", "b")]
    table = comparison.tabulate(tallies, {}, prices, [], 0.95)
    assert table[["task", "model_a", "model_b", "at"]].to_numpy().tolist() == [
        ["t", "a", "b", at] for at in ("k", "k", "tokens", "dollars")
    ]
    assert table["budget"].tolist() == pytest.approx([1, 10, 500, 1])
    assert table["k_a"].tolist() == pytest.approx([1, 10, 5, 10])


def test_published_counts_show_where_the_larger_model_leads(shared_data):
    counts = pd.read_csv(shared_data / "outcomes" / "brown2024_counts.csv")
    names = {"large": "Llama-3-70B-Instruct", "small": "Llama-3-8B-Instruct"}
    tallies = {}
    for name, model in names.items():
        rows = counts[(counts["benchmark"] == "MATH") & (counts["model"] == model)]
        columns = {"problem_id": rows["orig_dset_idx"], "samples": rows["num_samples"], "correct": rows["num_correct"]}
        tallies[name] = pd.DataFrame(columns)
    one, largest = compare(tallies, no_costs, 0.95).to_dict("records")
    assert one["difference"] == pytest.approx(0.210, abs=0.001) and one["p_corrected"] < 1e-9
    assert largest["budget"] == 10_000 and largest["coverage_a"] == largest["coverage_b"] == 126 / 128
    assert largest["p"] == 1 and largest["high"] == -largest["low"] == pytest.approx(0.0284, abs=1e-4)
