import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.choices import evaluate_selectors, evaluate_stopping, group_by_reward
from monkeys.storage import SAMPLES, VERDICTS, write_parquet


def test_a_reward_may_share_its_name_with_a_task_model_or_folder():
    paths = [f"r/rewards/judge/small/{reward}/0.parquet" for reward in ("judge", "small", "rewards")]
    assert group_by_reward(["judge", "small", "rewards", "logprob"], paths) == {
        "judge": paths[:1],
        "small": paths[1:2],
        "rewards": paths[2:],
        "logprob": [],
    }


ANSWERS = {
    "p": [
        ("2", "correct"),
        ("2", "correct"),
        ("3", "wrong"),
        ("0.50", "wrong"),
        ("1/2", "wrong"),
        (r"\frac{1}{2}", "wrong"),
    ],
    "q": [("7", "correct"), ("7", "correct"), ("7", "correct"), (None, "no_answer"), ("8", "wrong"), ("9", "wrong")],
}


@pytest.fixture
def files(tmp_path):
    """Samples, verdicts and rewards of two problems in two shards; correct samples are likelier and rated higher."""
    paths = {"samples": [], "verdicts": [], "judge": []}
    for shard in range(2):
        samples, verdicts, rewards = [], [], []
        for problem, answers in ANSWERS.items():
            for number in range(3 * shard, 3 * shard + 3):
                answer, outcome = answers[number]
                key = {"problem_id": problem, "sample": number}
                right = outcome == "correct"
                unknown = {"text": "", "prompt_tokens": 1, "finish_reason": "stop"}
                samples.append(key | unknown | {"tokens": 4, "logprob": -1.0 if right else -8.0})
                verdicts.append({**key, "outcome": outcome, "answer": answer})
                rewards.append({**key, "reward": -5.0 if right else -6.0})
        for kind, schema, rows in (("samples", SAMPLES, samples), ("verdicts", VERDICTS, verdicts)):
            paths[kind].append(str(tmp_path / f"{kind}{shard}.parquet"))
            write_parquet(paths[kind][-1], schema, rows, {})
        paths["judge"].append(str(tmp_path / f"rewards{shard}.parquet"))
        pd.DataFrame(rewards).to_parquet(paths["judge"][-1])
    return paths


def choose(files, rewards, verifier="gsm8k", logistic=()):
    return evaluate_selectors(files["samples"], files["verdicts"], rewards, set(logistic), verifier, subsets=50, seed=0)


def accuracy(curves, selector, k, reward=""):
    return curves[(curves["selector"] == selector) & (curves["k"] == k) & (curves["reward"] == reward)][
        "accuracy"
    ].item()


def test_equal_numbers_vote_together(files):
    curves, votes = choose(files, {})
    assert votes.set_index("problem_id")["majority"].to_dict() == {"p": 0.0, "q": 1.0}
    assert accuracy(curves, "majority", 6) == 0.5
    assert accuracy(curves, "majority", 1) == pytest.approx((2 / 6 + 3 / 6) / 2, abs=0.1)


def test_every_reward_adds_its_selectors_to_a_single_majority(files):
    curves, _ = choose(files, {"logprob": [], "judge": files["judge"]})
    assert set(zip(curves["selector"], curves["reward"], strict=True)) == {
        ("majority", ""),
        ("best_of_n", "logprob"),
        ("weighted_majority", "logprob"),
        ("best_of_n", "judge"),
        ("weighted_majority", "judge"),
    }
    assert accuracy(curves, "best_of_n", 6, "logprob") == accuracy(curves, "best_of_n", 6, "judge") == 1.0


def test_log_probabilities_become_positive_vote_weights(files):
    curves, _ = choose(files, {"logprob": []})
    # in p: two votes of e^(−1/4) for the correct answer, three of e^(−2) for the most frequent one
    assert accuracy(curves, "weighted_majority", 6, "logprob") == 1.0


def test_sums_of_negative_rewards_favour_rare_answers_unless_mapped_to_probabilities(files):
    raw, _ = choose(files, {"judge": files["judge"]})
    assert accuracy(raw, "weighted_majority", 6, "judge") < 0.5
    logistic, _ = choose(files, {"judge": files["judge"]}, logistic=["judge"])
    assert accuracy(logistic, "weighted_majority", 6, "judge") == 1.0


def test_there_is_no_majority_without_a_verifier(files):
    curves, votes = choose(files, {"logprob": []}, verifier=None)
    assert curves["selector"].unique().tolist() == ["best_of_n"]
    assert votes["majority"].isna().all()


def test_a_reward_missing_for_all_samples_is_left_out(files, tmp_path):
    missing = [str(tmp_path / f"missing{shard}.parquet") for shard in range(2)]
    for path, old in zip(missing, files["judge"], strict=True):
        pd.read_parquet(old).assign(reward=np.nan).to_parquet(path)
    assert set(choose(files, {"judge": missing})[0]["selector"]) == {"majority"}


def test_rewards_of_other_samples_are_rejected(files):
    with pytest.raises(ValueError, match="rewards judge belong to other samples than the verdicts"):
        choose(files, {"judge": files["judge"][:1]})


def test_early_stopping_is_replayed_on_the_same_answers(files):
    table = evaluate_stopping(files["verdicts"], "gsm8k", draws=20, seed=0)
    fixed = table[table["rule"] == "majority"].set_index("threshold")["accuracy"]
    assert fixed[6] == 0.5  # the vote on p is wrong, because its numbers 0.50, 1/2 and \frac{1}{2} are equal
    assert evaluate_stopping(files["verdicts"], None, draws=20, seed=0).empty
