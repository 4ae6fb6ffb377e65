import itertools

import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.cost import (
    Architecture,
    Price,
    cost_curve,
    cost_effectiveness,
    dollars,
    expected_samples,
    flops_of_tally,
    is_pareto_optimal,
)

LLAMA = Architecture(parameters=8.03e9, layers=32, hidden_size=4096)


def per_token(architecture, position):
    return 2 * (architecture.parameters + 2 * architecture.layers * architecture.hidden_size * position)


def test_flops_are_the_sum_over_all_tokens():
    prompt, lengths = 7, [0, 1, 12, 30]
    reading = sum(per_token(LLAMA, t) for t in range(1, prompt + 1))
    writing = sum(per_token(LLAMA, t + prompt) for length in lengths for t in range(1, length + 1))
    assert LLAMA.flops(prompt) == pytest.approx(reading, rel=1e-12)
    assert LLAMA.flops(lengths, prompt).sum() == pytest.approx(writing, rel=1e-12)


def test_flops_without_attention_are_two_per_parameter_and_token():
    assert Architecture(1e9, 0, 0).flops([1, 10], 500).tolist() == [2e9, 2e10]


def token_tally(drawn, **columns):
    """A tally of problems a and b, whose samples have the lengths given."""
    lengths = drawn.groupby("problem_id")["tokens"]
    return pd.DataFrame(
        {
            "problem_id": ["a", "b"],
            "samples": lengths.size().array,
            "correct": 0,
            "prompt_tokens": pd.array([100, 300], dtype="Int64"),
            "generated_tokens": lengths.sum().astype("Int64").array,
        }
        | columns
    )


@pytest.fixture
def samples():
    return pd.DataFrame({"problem_id": ["a"] * 4 + ["b"] * 2, "tokens": [10, 50, 20, 400, 7, 9]})


def test_mean_lengths_underestimate_by_the_variance_of_the_lengths(samples):
    flops = flops_of_tally(token_tally(samples), LLAMA)
    for row, prompt in zip(flops.itertuples(), (100, 300), strict=True):
        lengths = samples.loc[samples["problem_id"] == row.problem_id, "tokens"]
        exact = LLAMA.flops(lengths, prompt).mean()
        assert row.first == LLAMA.flops(prompt)
        assert exact - row.per_sample == pytest.approx(2 * LLAMA.layers * LLAMA.hidden_size * lengths.var(ddof=0))


def test_samples_with_verifier_errors_also_cost_tokens(samples):
    counted = token_tally(samples, samples=[3, 2], verifier_error=pd.array([1, None], dtype="Int64"))
    pd.testing.assert_frame_equal(flops_of_tally(counted, LLAMA), flops_of_tally(token_tally(samples), LLAMA))


def test_prompts_of_a_strategy_are_computed_for_every_sample(samples):
    shared, own = (flops_of_tally(token_tally(samples), LLAMA, shares_prompt=shares) for shares in (True, False))
    assert own["first"].tolist() == [0, 0]
    assert own["per_sample"].tolist() == pytest.approx((shared["first"] + shared["per_sample"]).tolist())


def test_unknown_lengths_have_unknown_costs(samples):
    tally = token_tally(samples, generated_tokens=pd.array([None, 16], dtype="Int64"))
    flops = flops_of_tally(tally, LLAMA)
    assert flops["first"].notna().all()
    assert flops["per_sample"].isna().tolist() == [True, False]
    assert dollars(tally, Price(generated=1))["per_sample"].isna().tolist() == [True, False]
    curve = cost_curve(pd.DataFrame({"k": [1], "coverage": [0.5]}), 0, flops["per_sample"])
    assert curve["cost"].isna().all()


def test_dollars_count_every_prompt_and_sample(samples):
    tally = token_tally(samples)
    price = Price(prompt=3, generated=15)
    assert dollars(tally, price)["per_sample"].tolist() == pytest.approx([(300 + 15 * 120) / 1e6, (900 + 15 * 8) / 1e6])
    shared = dollars(tally, price, samples_per_request=10)["per_sample"]
    assert shared.tolist() == pytest.approx([(30 + 15 * 120) / 1e6, (90 + 15 * 8) / 1e6])
    assert (dollars(tally, price)["first"] == 0).all()


def test_a_price_per_sample_needs_no_tokens(samples):
    tally = token_tally(samples, prompt_tokens=None, generated_tokens=None)
    assert dollars(tally, Price(sample=0.13))["per_sample"].tolist() == [0.13, 0.13]


def test_a_cost_curve_counts_prompts_once_and_samples_k_times():
    curve = pd.DataFrame({"k": [1, 10], "coverage": [0.2, 0.4], "low": [0.1, 0.3]})
    priced = cost_curve(curve, [10, 30], [1, 3])
    assert priced["cost"].tolist() == [22, 40]
    assert priced.drop(columns="cost").equals(curve)
    assert cost_curve(curve, 5, 1)["cost"].tolist() == [6, 15]


@pytest.mark.parametrize("n", range(1, 7))
def test_expected_samples_are_the_mean_over_all_orders_of_the_samples(n):
    for c, cap in itertools.product(range(n + 1), range(1, n + 1)):
        orders = list(itertools.permutations([True] * c + [False] * (n - c)))
        attempts = [next((t for t, correct in enumerate(order, 1) if correct), cap) for order in orders]
        assert expected_samples([n], [c], cap)[0] == pytest.approx(np.minimum(attempts, cap).mean())


def expected_samples_at(rate, cap):
    """Expected samples for known solve rates: (1 − (1 − p)^cap) / p."""
    p = np.asarray(rate, dtype=np.float64)
    return np.divide(1 - (1 - p) ** cap, p, out=np.full(p.shape, float(cap)), where=p > 0)


def test_expected_samples_are_unbiased():
    true, cap = np.array([0.001, 0.01, 0.1, 0.6]), 100
    correct = np.random.default_rng(0).binomial(100, true, (20_000, 4))
    estimate = expected_samples(np.full(80_000, 100), correct.ravel(), cap).reshape(correct.shape)
    error = estimate.mean(axis=0) - expected_samples_at(true, cap)
    assert (np.abs(error) < 4 * estimate.std(axis=0) / np.sqrt(20_000)).all()


def test_both_estimators_agree_if_the_cap_is_small_compared_with_the_samples():
    n = 10_000
    correct = np.array([0, 1, 10, 100, 5000, 9999])
    for cap in (1, 10, 100):
        unbiased, at_rate = expected_samples(np.full(6, n), correct, cap), expected_samples_at(correct / n, cap)
        assert unbiased == pytest.approx(at_rate, rel=1.01 * cap / n, abs=1e-6)


def test_the_estimators_differ_if_few_samples_are_correct_and_the_cap_is_all_samples():
    assert expected_samples([10_000], [1], 10_000) == pytest.approx(5000.5)
    assert expected_samples_at(1e-4, 10_000) == pytest.approx(6321.4, abs=0.1)


def test_expected_samples_are_defined_up_to_one_more_than_the_failures_seen():
    assert expected_samples([10, 10], [0, 10], 7).tolist() == pytest.approx([7, 1])
    assert expected_samples([5], [0], 6) == pytest.approx([6])  # five failures seen; the sixth sample is the last
    assert np.isnan(expected_samples([5], [0], 7))
    with pytest.raises(ValueError, match="between 0 and samples"):
        expected_samples([5], [6], 2)


PUBLISHED = {
    # mean over problems, from the published counts: (1 − (1 − p)^10000) / p, and the unbiased estimate
    ("MATH", "Llama-3-8B-Instruct"): (408, 365),
    ("MATH", "Pythia-12B"): (2046, 1903),
    ("CodeContests", "Llama-3-70B-Instruct"): (6693, 6601),
}


@pytest.mark.parametrize(("benchmark", "model"), PUBLISHED)
def test_published_counts_give_the_published_expected_samples(shared_data, benchmark, model):
    counts = pd.read_csv(shared_data / "outcomes" / "brown2024_counts.csv")
    counts = counts[(counts["benchmark"] == benchmark) & (counts["model"] == model)]
    samples, correct = counts["num_samples"], counts["num_correct"]
    at_rate, unbiased = PUBLISHED[benchmark, model]
    assert expected_samples_at(correct / samples, 10_000).mean() == pytest.approx(at_rate, abs=0.5)
    assert expected_samples(samples, correct, 10_000).mean() == pytest.approx(unbiased, abs=0.5)


def test_a_row_is_pareto_optimal_if_no_other_dominates_it():
    rng = np.random.default_rng(0)
    for _ in range(50):
        frame = pd.DataFrame({"cost": rng.integers(0, 6, 12), "coverage": rng.integers(0, 6, 12) / 5.0})
        frame.loc[rng.integers(0, 12), "coverage"] = np.nan
        expected = [
            not np.isnan(a.coverage)
            and not any(
                b.cost <= a.cost and b.coverage >= a.coverage and (b.cost, b.coverage) != (a.cost, a.coverage)
                for b in frame.itertuples()
            )
            for a in frame.itertuples()
        ]
        assert is_pareto_optimal(frame).tolist() == expected


def test_costs_that_differ_only_by_rounding_are_equal():
    assert is_pareto_optimal(pd.DataFrame({"cost": [0.1 * 3, 0.3, 0.4], "coverage": [0.2, 0.1, 0.3]})).tolist() == [
        True,
        False,
        True,
    ]
    assert is_pareto_optimal(pd.DataFrame({"cost": [0.1 * 3, 0.3], "coverage": [0.2, 0.3]})).tolist() == [False, True]


def test_rows_with_unknown_costs_are_not_optimal_and_dominate_nothing():
    frame = pd.DataFrame({"cost": [np.nan, 1, 2], "coverage": [0.9, np.nan, 0.5]}, index=[7, 8, 9])
    assert is_pareto_optimal(frame).to_dict() == {7: False, 8: False, 9: True}


def test_table_1_of_the_paper_is_reproduced():
    # Brown et al. 2024, Table 1
    rows = pd.DataFrame(
        [
            ("DeepSeek-Coder-V2-Instruct", 0.0072, 5, 0.2962),
            ("GPT-4o", 0.13, 1, 0.24),
            ("Claude 3.5 Sonnet", 0.17, 1, 0.267),
        ],
        columns=["model", "per_sample", "k", "solved"],
    )
    table = cost_effectiveness(rows.assign(problems=300))
    assert table["total"].tolist() == pytest.approx([10.8, 39, 51])
    assert [f"{relative:.1f}" for relative in table["relative"]] == ["1.0", "3.6", "4.7"]
