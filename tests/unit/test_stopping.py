from collections import Counter

import numpy as np
import pytest
from scipy.stats import beta

from monkeys.analysis import stopping
from monkeys.analysis.selection import Candidates, majority_vote, selection_curve
from monkeys.analysis.stopping import BAYES_FACTORS, CONFIDENCES, WINDOWS, replay


def problem(shares, size, rng, right=0, silent=0.1):
    """Samples with answers of these probabilities, some without an answer."""
    answer = rng.choice(len(shares), size, p=shares).astype(np.int32)
    answer[rng.random(size) < silent] = -1
    return Candidates(answer, answer == right)


@pytest.fixture
def problems():
    rng = np.random.default_rng(1)
    return [problem(rng.dirichlet(np.full(6, 0.7)), int(size), rng) for size in rng.integers(80, 120, 12)]


def vote(given, samples):
    return majority_vote(Candidates(given.answer[samples], given.correct[samples]))


def bayes_factor(counts, rng):
    """As in the code of Komiyama et al., from random probabilities."""
    drawn = rng.dirichlet([*(count + 1 for count in counts), 0.3 + 1], 40_000)
    leads = (drawn.argmax(axis=1) == np.argmax(counts)).mean()
    return (len(counts) + 1) * leads / (1 - leads)


def stops(answers, rule, threshold):
    """Whether a rule stops after these samples, by definition."""
    counts = Counter(answer for answer in answers if answer >= 0)
    if rule == "adaptive_consistency":
        first, second = ([count for _, count in counts.most_common()] + [0, 0])[:2]
        return beta.sf(0.5, first + 1, second + 1) >= threshold
    last = answers[-int(threshold) :]
    return len(answers) % threshold == 0 and last[0] >= 0 and len(set(last)) == 1


def test_rules_stop_where_they_say(problems):
    seed, draws = 3, 4
    table = replay(problems, draws, seed, cap=50).set_index(["rule", "threshold"])
    rng = np.random.default_rng(seed)
    orders = [[rng.permutation(one.answer.size)[:50] for _ in range(draws)] for one in problems]
    rules = [("adaptive_consistency", at) for at in CONFIDENCES] + [("esc", at) for at in WINDOWS]
    for rule, threshold in rules:
        used, right = [], []
        for one, of_problem in zip(problems, orders, strict=True):
            for order in of_problem:
                answers = one.answer[order].tolist()
                size = next((k for k in range(1, 51) if stops(answers[:k], rule, threshold)), 50)
                used.append(size)
                right.append(vote(one, order[:size]))
        row = table.loc[(rule, threshold)]
        assert row["samples"] == pytest.approx(np.mean(used))
        assert row["accuracy"] == pytest.approx(np.mean(right))
    assert table.loc[("majority", 50), "accuracy"] == pytest.approx(
        np.mean([vote(one, order) for one, of_problem in zip(problems, orders, strict=True) for order in of_problem])
    )


@pytest.mark.parametrize("counts", [[1], [4], [9, 3], [5, 5, 2], [12, 1, 1, 1, 1, 1, 1], [20, 11, 5, 5, 1]])
def test_bayes_factors_agree_with_random_probabilities(counts):
    size = sum(counts) + 1  # the first sample has no answer
    answer = np.r_[-1, np.repeat(np.arange(len(counts)), counts)].astype(np.int32)
    votes = stopping._Votes.count(Candidates(answer, answer == 0), np.arange(size)[:, None])
    votes_again = [votes.first[-1, 0], votes.second[-1, 0]]
    assert votes_again == sorted([*counts, 0], reverse=True)[:2]
    checks = stopping._checks
    stopping._checks = lambda length: [length]
    try:
        factor = stopping._bayes_factors(votes)[-1, 0]
    finally:
        stopping._checks = checks
    expected = bayes_factor(counts, np.random.default_rng(0))
    assert factor == pytest.approx(expected, rel=0.05 if expected < 50 else 0.3)


def test_known_probabilities_save_as_many_samples_as_published():
    """Huang et al. 2026 report 18.07 samples for L = 3 and 44.07 for adaptive consistency at a confidence of .99."""
    answer = np.repeat(np.arange(8), [500, 200, 100, 100, 50, 30, 10, 10]).astype(np.int32)
    table = replay([Candidates(answer, answer == 0)] * 4, 300, 0).set_index(["rule", "threshold"])
    assert table.loc[("bayesian", 0.99), "samples"] == pytest.approx(18.07, abs=1.2)
    assert table.loc[("adaptive_consistency", 0.99), "samples"] == pytest.approx(44.07, abs=2.5)
    assert table.loc[("bayesian", 0.99), "accuracy"] == pytest.approx(0.992, abs=0.006)


def test_the_posterior_is_the_share_of_random_samples_whose_leader_is_the_most_probable_answer():
    rng, shares = np.random.default_rng(0), np.array([0.45, 0.25, 0.15, 0.1, 0.05])
    drawn = rng.multinomial(12, shares, 200_000)
    ranked = np.sort(drawn, axis=1)[:, ::-1]
    alone = ranked[:, 0] > ranked[:, 1]
    for first, second in [(5, 3), (6, 3), (6, 4), (7, 2)]:
        seen = alone & (ranked[:, 0] == first) & (ranked[:, 1] == second)
        expected = (drawn[seen].argmax(axis=1) == 0).mean()
        state = np.array([(first * 13 + second) * 13 + 12 - first - second])
        led, total = stopping._likelihood(state, 13, shares[None])
        assert (led / total).item() == pytest.approx(expected, abs=0.06)


def test_the_fixed_vote_is_the_one_of_the_selection_curve(problems):
    given = [problem([0.4, 0.35, 0.25], 60, np.random.default_rng(seed)) for seed in range(10)]
    table = replay(given, 400, 0)
    fixed = table[table["rule"] == "majority"]
    assert fixed["samples"].tolist() == fixed["threshold"].tolist() == [1, 2, 5, 10, 20, 50, 60]
    curve = selection_curve(given, fixed["samples"], 400, 1)
    np.testing.assert_allclose(fixed["accuracy"], curve["accuracy"], atol=0.03)
    np.testing.assert_allclose(fixed["accuracy"], fixed["majority"])
    between = table[(table["rule"] == "esc") & (table["threshold"] == 2)].iloc[0]
    low, high = (fixed.set_index("samples")["accuracy"][k] for k in (2, 5))
    assert min(low, high) - 0.1 <= between["majority"] <= max(low, high) + 0.1


def test_patience_costs_samples(problems):
    table = replay(problems, 50, 0)
    for rule, thresholds in {"adaptive_consistency": CONFIDENCES, "bayes_factor": BAYES_FACTORS}.items():
        used = table[table["rule"] == rule].set_index("threshold")["samples"]
        assert list(used.index) == list(thresholds) and used.is_monotonic_increasing


def test_a_certain_answer_needs_the_fewest_samples_and_no_answer_the_most():
    certain = Candidates(np.zeros(100, dtype=np.int32), np.ones(100, dtype=bool))
    silent = Candidates(np.full(100, -1, dtype=np.int32), np.zeros(100, dtype=bool))
    table = replay([certain], 3, 0).set_index(["rule", "threshold"])
    assert table.loc[("adaptive_consistency", 0.95), "samples"] == 4  # 1 − ½⁵ ≥ .95
    assert table.loc[("esc", 5), "samples"] == 5
    assert (table["accuracy"] == 1).all() and (table["sd"] == 0).all()
    table = replay([silent], 3, 0)
    assert (table[table["rule"] != "majority"]["samples"] == 100).all() and (table["accuracy"] == 0).all()


def test_a_replay_ends_at_its_cap_and_at_the_fewest_samples(problems):
    assert replay(problems, 2, 0, cap=7)["samples"].max() == 7
    short = [*problems, Candidates(np.zeros(3, dtype=np.int32), np.ones(3, dtype=bool))]
    table = replay(short, 2, 0)
    assert table["samples"].max() == 3 and set(table[table["rule"] == "esc"]["threshold"]) == {2, 3}
    assert "bayesian" in set(table["rule"]) and "bayesian" not in set(replay(problems[:1], 2, 0)["rule"])
    assert replay([Candidates(np.zeros(1, dtype=np.int32), np.ones(1, dtype=bool))], 1, 0)["samples"].eq(1).all()


def test_replays_are_reproducible_and_need_problems(problems):
    assert replay(problems, 5, 0).equals(replay(problems, 5, 0))
    for given, draws in (([], 1), (problems, 0)):
        with pytest.raises(ValueError, match="at least one"):
            replay(given, draws, 0)
