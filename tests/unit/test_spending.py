import itertools

import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.cost import Architecture
from monkeys.analysis.intervals import coverage_curve
from monkeys.analysis.spending import effectiveness, spending, with_tokens
from monkeys.analysis.tables import concat_with_keys

KS = [1, 2, 5, 10]
ARCHITECTURES = {"small": Architecture(parameters=1000, layers=2, hidden_size=10)}
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
    curves = concat_with_keys({pair: coverage_curve(tally, KS, "none", 0, 0.95, 0) for pair, tally in tallies.items()})
    return spending(tallies, curves, ARCHITECTURES, PRICES)


def row_of(table, model, k):
    return table[(table["model"] == model) & (table["k"] == k)].iloc[0]


def test_a_model_that_never_solves_as_much_is_listed_at_its_largest_k(tallies):
    tallies["t", "weak"] = tallies["t", "small"].assign(correct=[0, 1])
    curves = concat_with_keys({pair: coverage_curve(tally, KS, "none", 0, 0.95, 0) for pair, tally in tallies.items()})
    prices = {**PRICES, ("t", "weak"): PRICES["t", "large"]}
    _, as_good = effectiveness(spending(tallies, curves, ARCHITECTURES, prices))
    assert as_good[["model", "k", "solved"]].to_numpy().tolist()[-1] == ["weak", 10, 0.5]


def test_samples_of_one_request_share_its_prompt(tallies):
    tally = {("t", "small"): tallies["t", "small"]}
    curves = concat_with_keys({pair: coverage_curve(tally, KS, "none", 0, 0.95, 0) for pair, tally in tally.items()})
    own_prompts, shared_prompts = (
        spending(tally, curves, ARCHITECTURES, {("t", "small"): {"prompt": 1.0, "samples_per_request": shared}})
        for shared in (1, 5)
    )
    assert row_of(own_prompts, "small", 10)["dollars"] == pytest.approx(10 * 100 / 1e6)
    assert row_of(shared_prompts, "small", 10)["dollars"] == pytest.approx(10 * 100 / 5 / 1e6)


def test_flops_count_the_prompt_once_and_every_sample(table):
    def token(t):
        return 2 * (1000 + 2 * 2 * 10 * t)

    prompt = sum(token(t) for t in range(1, 101))
    sample = sum(token(100 + t) for t in range(1, 51))
    assert row_of(table, "small", 1)["flops"] == pytest.approx(prompt + sample)
    assert row_of(table, "small", 10)["flops"] == pytest.approx(prompt + 10 * sample)
    assert table[table["model"] == "large"]["flops"].isna().all()


def test_dollars_follow_from_tokens_or_from_a_price_per_sample(table):
    assert row_of(table, "small", 5)["dollars"] == pytest.approx(5 * (100 * 1.0 + 50 * 2.0) / 1e6)
    assert row_of(table, "large", 5)["dollars"] == pytest.approx(2.5)


def test_dominated_budgets_are_not_on_the_pareto_front(table):
    assert table["pareto"].dtype == bool
    front = table[table["pareto"]].sort_values("dollars")
    assert (np.diff(front["coverage"]) > 0).all()
    assert row_of(table, "small", 10)["pareto"]  # all ten samples include a correct one for each problem
    assert not row_of(table, "large", 10)["pareto"]


def test_stopping_at_the_first_success_takes_fewer_samples(table):
    assert row_of(table, "small", 1)["expected_samples"] == pytest.approx(1)
    assert 1 < row_of(table, "large", 10)["expected_samples"] < row_of(table, "small", 10)["expected_samples"] < 10


def test_models_are_compared_where_they_match_the_best_single_sample(table):
    everything, as_good = effectiveness(table)
    assert len(everything) == 2 * len(KS)
    assert as_good[["model", "k"]].to_numpy().tolist() == [["small", 5], ["large", 1]]
    small, large = as_good.to_dict("records")
    assert (large["total"], large["per_sample"]) == (pytest.approx(1.0), 0.5)
    assert small["relative"] == 1.0
    assert large["relative"] == pytest.approx(large["total"] / small["total"])
    assert large["expected_total"] == pytest.approx(1.0)


def test_tokens_and_coverage_are_means_over_all_subsets_of_the_samples():
    drawn = {  # (tokens, correct) of each sample
        "a": [(10, False), (50, True), (20, False), (400, True)],
        "b": [(7, False), (9, True), (1000, False), (30, False), (4, False)],
    }
    tally = pd.DataFrame(
        {
            "problem_id": list(drawn),
            "samples": [len(samples) for samples in drawn.values()],
            "correct": [sum(correct for _, correct in samples) for samples in drawn.values()],
            "prompt_tokens": 999,  # not generated
            "generated_tokens": [sum(tokens for tokens, _ in samples) for samples in drawn.values()],
        }
    )
    curves = concat_with_keys({("t", "m"): coverage_curve(tally, [1, 2, 3, 4], "none", 0, 0.95, 0)})
    table = with_tokens({("t", "m"): tally}, curves)
    assert list(table.columns) == ["task", "model", "k", "tokens", "coverage"]
    for row in table.itertuples():
        subsets = [list(itertools.combinations(samples, row.k)) for samples in drawn.values()]
        tokens = [np.mean([sum(length for length, _ in subset) for subset in some]) for some in subsets]
        solved = [np.mean([any(correct for _, correct in subset) for subset in some]) for some in subsets]
        assert (row.tokens, row.coverage) == (pytest.approx(np.mean(tokens)), pytest.approx(np.mean(solved)))


def test_tokens_are_unknown_if_those_of_any_problem_are(tallies):
    tallies["t", "large"]["generated_tokens"] = pd.array([None, 500], dtype="Int64")
    curves = concat_with_keys({pair: coverage_curve(tally, KS, "none", 0, 0.95, 0) for pair, tally in tallies.items()})
    table = with_tokens(tallies, curves)
    assert row_of(table, "small", 10)["tokens"] == 500
    assert table.loc[table["model"] == "large", "tokens"].isna().all()
