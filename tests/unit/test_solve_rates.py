import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from monkeys.analysis.solve_rates import never_solved, solve_rates


def tally(*rows):
    return pd.DataFrame(rows, columns=["problem_id", "samples", "correct"])


def test_problems_are_sorted_by_rate_and_then_by_id():
    rates = solve_rates(tally(("d", 10, 5), ("c", 4, 2), ("b", 0, 0), ("a", 8, 1)), 0.95)
    assert rates["problem_id"].tolist() == ["a", "c", "d", "b"]
    assert rates["rate"].tolist()[:3] == [0.125, 0.5, 0.5]


def test_rate_and_interval_are_missing_without_samples():
    rates = solve_rates(tally(("a", 0, 0)), 0.95)
    assert rates[["rate", "low", "high"]].isna().all(axis=None)


def test_the_interval_is_an_equal_tailed_credible_interval():
    row = solve_rates(tally(("a", 20, 3)), 0.9).iloc[0]
    posterior = beta(3.5, 17.5)
    assert posterior.cdf(row["low"]) == pytest.approx(0.05)
    assert posterior.sf(row["high"]) == pytest.approx(0.05)


def test_rates_of_0_and_1_lie_inside_their_intervals():
    rates = solve_rates(tally(("a", 20, 0), ("b", 20, 20)), 0.95)
    assert rates["low"][0] == 0 and rates["high"][1] == 1
    assert rates["high"][0] == pytest.approx(1 - rates["low"][1]) == beta(0.5, 20.5).ppf(0.975)


def test_intervals_have_their_nominal_coverage():
    rng = np.random.default_rng(0)
    true = rng.beta(0.4, 3.0, 20_000)
    rates = solve_rates(
        pd.DataFrame({"problem_id": range(20_000), "samples": 50, "correct": rng.binomial(50, true)}), 0.9
    )
    true = true[rates["problem_id"]]
    assert ((rates["low"] <= true) & (true <= rates["high"])).mean() == pytest.approx(0.9, abs=0.02)


def test_more_correct_than_samples_is_rejected():
    with pytest.raises(ValueError, match="between 0 and samples"):
        solve_rates(tally(("a", 1, 2)), 0.95)


def test_a_problem_without_samples_is_not_listed_as_never_solved():
    assert never_solved(tally(("b", 5, 0), ("a", 0, 0), ("c", 5, 1), ("d", 1, 0))) == ["b", "d"]


@pytest.mark.parametrize(
    ("benchmark", "model", "unsolved", "rarely"),
    [
        ("MATH", "Llama-3-8B-Instruct", 2, 0.203),
        ("MATH", "Llama-3-70B-Instruct", 2, 0.078),
        ("MATH", "Pythia-70M", 94, None),
        ("CodeContests", "Llama-3-8B-Instruct", 107, None),
        ("CodeContests", "Llama-3-70B-Instruct", 87, None),
    ],
)
def test_published_counts_give_the_published_shares_of_hard_problems(shared_data, benchmark, model, unsolved, rarely):
    counts = pd.read_csv(shared_data / "outcomes" / "brown2024_counts.csv")
    counts = counts[(counts["benchmark"] == benchmark) & (counts["model"] == model)]
    counts = counts.set_axis(["benchmark", "model", "problem_id", "samples", "correct"], axis=1)
    assert len(never_solved(counts)) == unsolved
    if rarely is not None:
        assert (solve_rates(counts, 0.95)["rate"] <= 0.01).mean() == pytest.approx(rarely, abs=5e-4)
