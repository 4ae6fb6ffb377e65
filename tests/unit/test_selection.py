import gzip
import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from monkeys.analysis.coverage import coverage
from monkeys.analysis.selection import Candidates, candidates, cluster_answers, majority_vote, selection_curve


def problem(answer, correct, score=None):
    score = None if score is None else np.array(score, dtype=float)
    return Candidates(np.array(answer, dtype=np.int32), np.array(correct, dtype=bool), score)


def chance_of_correct(problem, selector, subset):
    """Probability that a selector picks a correct sample from one subset, by definition."""
    if selector == "best_of_n":
        scored = [j for j in subset if not math.isnan(problem.score[j])]
        best = [problem.correct[j] for j in scored if problem.score[j] == max(problem.score[scored])]
        return sum(best) / max(len(best), 1)
    votes = {}
    for j in subset:
        weight = 1.0 if selector == "majority" else problem.score[j]
        if problem.answer[j] >= 0 and not math.isnan(weight):
            votes[problem.answer[j]] = votes.get(problem.answer[j], 0.0) + weight
    leading = [answer for answer, total in votes.items() if math.isclose(total, max(votes.values()))]
    return sum(problem.correct[problem.answer == answer].mean() for answer in leading) / max(len(leading), 1)


def over_all_subsets(problem, selector, k):
    """Mean and standard deviation over all subsets of k samples."""
    subsets = itertools.combinations(range(len(problem.answer)), k)
    right = np.array([chance_of_correct(problem, selector, list(subset)) for subset in subsets])
    return right.mean(), right.std()


def by_selector(curve, column="accuracy"):
    return {name: rows[column].to_numpy() for name, rows in curve.groupby("selector")}


NAN = float("nan")
PROBLEMS = {
    "plain": problem([0, 0, 1, 1, 1, 2], [1, 1, 0, 0, 0, 0], [0.9, 0.2, 0.3, 0.8, 0.1, 0.5]),
    "ties": problem([0, 0, 1, 1, 2, 2], [1, 1, 0, 0, 0, 0], [0.1, 0.3, 0.2, 0.2, 0.3, 0.1]),
    "equal scores": problem([3, 3, 7, 7, 7, 9], [1, 1, 0, 0, 0, 0], [0.1] * 6),
    "without answers": problem([-1, 0, -1, 1, -1, -1], [0, 1, 0, 0, 0, 0], [9.0, 0.2, 0.3, 0.8, 0.1, 0.5]),
    "negative scores": problem([0, 0, 0, 1, 1, 2], [1, 1, 1, 0, 0, 0], [-1, -2, 0.5, -0.25, -0.25, -3]),
    "unscored": problem([0, 0, 1, 1, 2, -1], [1, 1, 0, 0, 0, 0], [NAN, -1, NAN, NAN, -2, NAN]),
    "disputed": problem([0, 0, 0, 1, 1, 2], [1, 0, 1, 0, 0, 0], [0.5, 0.9, 0.9, 0.7, 0.9, 0.1]),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_curves_are_the_mean_over_all_subsets(name):
    given, draws = PROBLEMS[name], 1500
    curve = selection_curve([given], range(1, 7), draws, 0)
    assert curve["k"].tolist() == [1, 2, 3, 4, 5, 6] * 3
    for row in curve.itertuples():
        mean, sd = over_all_subsets(given, row.selector, row.k)
        if row.selector == "best_of_n":
            assert row.accuracy == pytest.approx(mean, abs=1e-12)
        else:
            assert row.accuracy == pytest.approx(mean, abs=4.5 * sd / math.sqrt(draws) + 1e-12)
            assert row.sd == pytest.approx(sd, abs=0.04)


def test_accuracy_at_1_is_the_share_of_correct_samples():
    given = PROBLEMS["plain"]
    accuracy = by_selector(selection_curve([given], [1], 4000, 0))
    assert accuracy["best_of_n"] == pytest.approx(2 / 6)
    assert accuracy["majority"] == pytest.approx(2 / 6, abs=0.03)


def test_a_vote_between_two_answers_follows_the_hypergeometric_distribution():
    given = problem(np.repeat([0, 1], [110, 90]), np.repeat([True, False], [110, 90]))
    ks = np.array([1, 5, 15, 51, 101])
    curve = selection_curve([given] * 10, ks, 200, 0)
    exact = hypergeom(200, 110, ks).sf(ks // 2)  # more than half of an odd number
    assert curve["accuracy"].to_numpy() == pytest.approx(exact, abs=4 * 0.5 / math.sqrt(2000))
    # 10 problems with independent subsets
    assert curve["sd"].to_numpy() == pytest.approx(np.sqrt(exact * (1 - exact) / 10), rel=0.2)


def test_best_of_n_agrees_with_exact_rationals_at_ten_thousand_samples():
    n, rng = 10_000, np.random.default_rng(0)
    correct, score = rng.random(n) < 0.3, rng.permutation(n)
    ks = np.array([1, 7, 100, 5000, 9999, n])
    ours = by_selector(selection_curve([problem(np.where(correct, 0, 1), correct, score)], ks, 1, 0))["best_of_n"]
    best_first = correct[np.argsort(-score)]
    for accuracy, k in zip(ours, ks.tolist(), strict=True):
        right, ways = 0, math.comb(n - 1, k - 1)  # ways to choose the others if the j-th is the best
        for j, is_right in enumerate(best_first, 1):
            right += ways * int(is_right)
            ways = ways * (n - j - k + 1) // max(n - j, 1)
        assert abs(accuracy - float(Fraction(right, math.comb(n, k)))) < 1e-9


def test_the_spread_of_best_of_n_assumes_independent_problems():
    given = list(PROBLEMS.values())
    curve = selection_curve(given, [2], 1, 0).set_index("selector")
    each = np.array([over_all_subsets(one, "best_of_n", 2)[0] for one in given])
    assert curve.loc["best_of_n", "sd"] == pytest.approx(math.sqrt((each * (1 - each)).sum()) / len(given))


def test_perfect_scores_reach_coverage_and_inverted_scores_the_minimum():
    rng = np.random.default_rng(0)
    correct = [rng.random(50) < rate for rate in rng.beta(0.5, 2, 30)]
    ks = [1, 5, 20, 50]
    curves = [
        by_selector(selection_curve([problem(~right, right, sign * right) for right in correct], ks, 1, 0))["best_of_n"]
        for sign in (1, -1)
    ]
    samples, hits = np.full(30, 50), np.array([right.sum() for right in correct])
    assert curves[0] == pytest.approx(coverage(samples, hits, ks))
    assert curves[1] == pytest.approx(1 - coverage(samples, samples - hits, ks))


def test_voting_with_all_samples_is_the_majority_vote_of_each_problem():
    given = list(PROBLEMS.values())
    votes = [majority_vote(one) for one in given]
    assert votes == pytest.approx([0, 1 / 3, 0, 1 / 2, 1, 1 / 2, 2 / 3])
    assert by_selector(selection_curve(given, [6], 2, 0))["majority"] == pytest.approx(np.mean(votes))


def test_votes_of_many_samples_converge_to_the_most_probable_answer():
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([2, 1, 1], 60)
    given = [problem(answer, answer == 0) for answer in (rng.choice(3, 3000, p=p) for p in chances)]
    curve = selection_curve(given, [1, 3000], 20, 0)["accuracy"].to_numpy()
    assert curve[0] == pytest.approx(chances[:, 0].mean(), abs=0.03)
    votes = np.mean([majority_vote(one) for one in given])
    assert curve[1] == votes == pytest.approx((chances.argmax(axis=1) == 0).mean(), abs=0.04)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_equal_sums_tie_despite_rounding_of_their_scores(precision):
    # 0.1 + 0.3 and 0.2 + 0.2 differ as floating-point numbers
    given = problem([0, 0, 1, 1], [1, 1, 0, 0], [0.1, 0.3, 0.2, 0.2])
    given = Candidates(given.answer, given.correct, given.score.astype(precision))
    assert by_selector(selection_curve([given], [4], 50, 0))["weighted_majority"] == pytest.approx(0.5)


def test_equal_scores_weigh_votes_like_no_scores():
    rng = np.random.default_rng(0)
    given = [problem(answer, answer == 0, np.full(100, 0.1)) for answer in rng.integers(-1, 30, (5, 100))]
    curve = by_selector(selection_curve(given, [1, 3, 10, 100], 30, 0))
    assert curve["majority"].tolist() == curve["weighted_majority"].tolist()


def test_without_scores_only_the_majority_is_computed():
    given = [PROBLEMS["plain"], problem([0, 1], [1, 0])]
    assert selection_curve(given, [1, 2], 5, 0)["selector"].unique().tolist() == ["majority"]


def test_a_curve_ends_at_the_smallest_number_of_samples():
    given = [PROBLEMS["plain"], problem([0, 1], [1, 0], [1.0, 2.0])]
    curve = selection_curve(given, [3, 2, 2, 1], 5, 0)
    assert curve["k"].tolist() == [1, 2, 3] * 3
    assert curve["accuracy"].isna().tolist() == [False, False, True] * 3
    assert selection_curve(given, [7], 5, 0)[["accuracy", "sd"]].isna().all(axis=None)


def test_curves_are_reproducible_with_their_seed():
    given = list(PROBLEMS.values())
    first, again, other = (selection_curve(given, [2, 3], 20, seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize(
    ("given", "ks", "draws", "message"),
    [
        ([], [1], 1, "at least one problem"),
        ([PROBLEMS["plain"]], [1], 0, "one draw"),
        ([PROBLEMS["plain"]], [0], 1, "positive integer"),
        ([PROBLEMS["plain"]], [1.5], 1, "positive integer"),
    ],
)
def test_invalid_arguments_are_rejected(given, ks, draws, message):
    with pytest.raises(ValueError, match=message):
        selection_curve(given, ks, draws, 0)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([], []), "no samples"),
        (([0, 1], [1]), "differ in length"),
        (([0, 1], [1, 0], [1.0]), "differ in length"),
        (([0, 1], [1, 0], [1.0, math.inf]), "infinite"),
    ],
)
def test_invalid_candidates_are_rejected(parts, message):
    with pytest.raises(ValueError, match=message):
        problem(*parts)


def test_equal_texts_form_one_answer_and_so_do_all_correct_ones():
    answers = ["1/2", "3", "0.5", None, "3", "4", "1/2"]
    outcomes = ["correct", "wrong", "correct", "no_answer", "wrong", "wrong", "correct"]
    numbers = cluster_answers(answers, outcomes)
    assert numbers.dtype == np.int32
    assert numbers[0] == numbers[2] == numbers[6] and numbers[1] == numbers[4] and numbers[3] == -1
    assert len(set(numbers.tolist())) == 4


def test_a_text_judged_both_ways_counts_by_its_share_of_correct_verdicts():
    numbers = cluster_answers(["a", "a", "b", "a", "c"], ["correct", "timeout", "correct", "correct", "wrong"])
    assert len(set(numbers[:4].tolist())) == 1 and numbers[4] != numbers[0]
    assert majority_vote(problem(numbers, [1, 0, 1, 1, 0])) == 0.75


def test_wrong_answers_are_not_merged_and_missing_ones_get_no_cluster():
    assert cluster_answers(["a", "b", "a"], ["wrong"] * 3).tolist() == [0, 1, 0]
    assert cluster_answers([None, None], ["no_answer", "correct"]).tolist() == [-1, -1]


def test_samples_without_an_answer_do_not_vote():
    given = problem([0] * 30 + [1] * 25 + [-1] * 45, [1] * 30 + [0] * 70)
    assert majority_vote(given) == 1


def test_candidates_exclude_verifier_errors():
    verdicts = pd.DataFrame(
        [
            ("q", "7", "correct", 0.5),
            ("p", "1", "wrong", 0.1),
            ("p", None, "no_answer", NAN),
            ("p", "2", "verifier_error", 0.3),
            ("q", "7.0", "correct", 0.7),
        ],
        columns=["problem_id", "answer", "outcome", "score"],
    ).astype({"problem_id": "category", "outcome": "category"})
    made = candidates(verdicts)
    assert list(made) == ["p", "q"]
    assert made["p"].answer.tolist() == [0, -1] and made["p"].correct.tolist() == [False, False]
    assert made["q"].answer.tolist() == [0, 0] and made["q"].score.tolist() == [0.5, 0.7]
    assert candidates(verdicts.drop(columns="score"))["q"].score is None


def test_selection_from_a_published_run_agrees_with_all_its_subsets(shared_data):
    # 100 MATH problems with 8 samples each, scored by the reward model of Qwen2.5-Math
    path = shared_data / "graders" / "math_qwen25math_x8_rm_scored.jsonl.gz"
    rows = [json.loads(line) for line in gzip.open(path, "rt", encoding="utf-8")]
    given = [
        problem(
            cluster_answers(row["pred"], ["correct" if right else "wrong" for right in row["is_correct"]]),
            row["is_correct"],
            row["rm_score"],
        )
        for row in rows
    ]
    curve = selection_curve(given, [1, 2, 8], 100, 0).set_index(["selector", "k"])
    for (selector, k), row in curve.iterrows():
        exact = np.mean([over_all_subsets(one, selector, k)[0] for one in given])
        within = 1e-12 if k == 8 or selector == "best_of_n" else 4.5 * row["sd"] / math.sqrt(100)
        assert row["accuracy"] == pytest.approx(exact, abs=within)
    accuracy, mean, solved = curve["accuracy"], 728 / 800, 96 / 100
    assert accuracy["best_of_n", 1] == pytest.approx(mean)
    for selector in ("majority", "weighted_majority", "best_of_n"):
        assert mean < accuracy[selector, 8] < solved
