import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.coverage import coverage_curve
from monkeys.analysis.spending import effectiveness, spending
from monkeys.analysis.tables import concat_with_keys

KS = [1, 2, 5, 10]
FACTS = {"small": {"parameters": 1000, "layers": 2, "hidden_size": 10, "context": 99}, "large": {"parameters": None}}
PRICES = {
    ("t", "small"): {"sample": None, "prompt": 1.0, "generated": 2.0},
    ("t", "large"): {"sample": 0.5, "prompt": None, "generated": None},
}


@pytest.fixture
def tallies():
    def tally(correct):
        columns = {"samples": 10, "correct": correct, "prompt_tokens": 100, "generated_tokens": 500}
        return pd.DataFrame({"problem_id": ["a", "b"], **columns, "verifier_error": 0})

    return {("t", "small"): tally([1, 2]), ("t", "large"): tally([3, 9])}


@pytest.fixture
def table(tallies):
    curves = concat_with_keys({pair: coverage_curve(tally, KS, 0, 0.95, 0) for pair, tally in tallies.items()})
    return spending(tallies, curves, FACTS, PRICES)


def of(table, model, k):
    return table[(table["model"] == model) & (table["k"] == k)].iloc[0]


def test_a_model_that_never_solves_as_much_is_kept_with_all_that_it_has(tallies):
    tallies["t", "weak"] = tallies["t", "small"].assign(correct=[0, 1])
    curves = concat_with_keys({pair: coverage_curve(tally, KS, 0, 0.95, 0) for pair, tally in tallies.items()})
    prices = {**PRICES, ("t", "weak"): PRICES["t", "large"]}
    _, as_good = effectiveness(spending(tallies, curves, FACTS, prices))
    assert as_good[["model", "k", "solved"]].to_numpy().tolist()[-1] == ["weak", 10, 0.5]


def test_samples_of_one_request_share_its_prompt(tallies):
    tally = {("t", "small"): tallies["t", "small"]}
    curves = concat_with_keys({pair: coverage_curve(tally, KS, 0, 0.95, 0) for pair, tally in tally.items()})
    alone, together = (
        spending(tally, curves, FACTS, {("t", "small"): {"prompt": 1.0, "samples_per_request": shared}})
        for shared in (1, 5)
    )
    assert of(alone, "small", 10)["dollars"] == pytest.approx(10 * 100 / 1e6)
    assert of(together, "small", 10)["dollars"] == pytest.approx(10 * 100 / 5 / 1e6)


def test_flops_are_those_of_the_prompt_once_and_of_every_sample(table):
    def token(t):
        return 2 * (1000 + 2 * 2 * 10 * t)

    prompt = sum(token(t) for t in range(1, 101))
    sample = sum(token(100 + t) for t in range(1, 51))
    assert of(table, "small", 1)["flops"] == pytest.approx(prompt + sample)
    assert of(table, "small", 10)["flops"] == pytest.approx(prompt + 10 * sample)
    assert table[table["model"] == "large"]["flops"].isna().all()


def test_dollars_follow_from_tokens_or_attempts(table):
    assert of(table, "small", 5)["dollars"] == pytest.approx(5 * (100 * 1.0 + 50 * 2.0) / 1e6)
    assert of(table, "large", 5)["dollars"] == pytest.approx(2.5)


def test_what_another_budget_beats_is_not_on_the_front(table):
    assert table["pareto"].dtype == bool
    front = table[table["pareto"]].sort_values("dollars")
    assert (np.diff(front["coverage"]) > 0).all()
    assert of(table, "small", 10)["pareto"]  # ten of ten samples hold a right one of each problem
    assert not of(table, "large", 10)["pareto"]


def test_who_stops_at_the_first_success_needs_fewer_attempts(table):
    assert of(table, "small", 1)["expected_samples"] == pytest.approx(1)
    assert 1 < of(table, "large", 10)["expected_samples"] < of(table, "small", 10)["expected_samples"] < 10


def test_the_table_compares_models_where_they_are_as_good_as_the_best_single_attempt(table):
    everything, as_good = effectiveness(table)
    assert len(everything) == 2 * len(KS)
    assert as_good[["model", "k"]].to_numpy().tolist() == [["small", 5], ["large", 1]]
    small, large = as_good.to_dict("records")
    assert (large["total"], large["per_sample"]) == (pytest.approx(1.0), 0.5)
    assert small["relative"] == 1.0
    assert large["relative"] == pytest.approx(large["total"] / small["total"])
    assert large["expected_total"] == pytest.approx(1.0)
