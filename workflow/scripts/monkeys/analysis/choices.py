"""Accuracy of votes and rewards on the samples of one task and model."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from monkeys import verification
from monkeys.analysis.coverage import log_grid, round_grid
from monkeys.analysis.selection import candidates, majority_vote, selection_curve
from monkeys.analysis.stopping import COLUMNS, replay
from monkeys.storage import read_table

KEYS = ["problem_id", "sample"]


def group_by_reward(names: Iterable[str], paths: Iterable[str]) -> dict[str, list[str]]:
    """Rewards files, `…/{reward}/{shard}.parquet`, by reward; tasks and models may have the same names."""
    files = list(paths)
    return {name: [path for path in files if Path(path).parent.name == name] for name in names}


def evaluate_selectors(
    samples: list[str],
    verdicts: list[str],
    rewards: dict[str, list[str]],
    logistic: set[str],
    verifier: str | None,
    subsets: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accuracy of each selector, and correctness of the majority vote on every problem.

    Args:
        samples: Samples files, for their token probabilities.
        verdicts: Verdicts files of the same shards.
        rewards: Rewards files by reward; a reward without files is the geometric mean of the token probabilities.
        logistic: Rewards to apply the logistic function to: sums of negative rewards would favour rare answers.
        verifier: Name of the verifier that decides which answers are equal; None without answers to vote on.
        subsets: Random subsets for every k.
        seed: Seed of the subsets.

    Returns:
        Columns selector, reward (empty for the majority), k, accuracy, sd; and columns problem_id, majority (NaN
        without votes). Rewards that no sample has are left out.

    Raises:
        ValueError: rewards and verdicts belong to different samples.
    """
    judged = _judged(verdicts, verifier)
    unscored = candidates(judged)
    largest = min(problem.answer.size for problem in unscored.values())
    ks = np.union1d(log_grid(largest, per_decade=5), round_grid(largest))
    curves = {("majority", ""): selection_curve(list(unscored.values()), ks, subsets, seed)} if verifier else {}
    for reward, files in rewards.items():
        scores = _read(files, [*KEYS, "reward"]) if files else _mean_probability(samples)
        if reward in logistic:
            scores["reward"] = expit(scores["reward"])
        scored = judged.merge(scores.rename(columns={"reward": "score"}), on=KEYS, how="left", validate="1:1")
        if len(scores) != len(judged) or scores[KEYS].ne(judged[KEYS]).to_numpy().any():
            raise ValueError(f"rewards {reward} belong to other samples than the verdicts; delete them and run again")
        if scored["score"].isna().all():
            continue
        curve = selection_curve(list(candidates(scored).values()), ks, subsets, seed)
        for selector in ("best_of_n", *(["weighted_majority"] if verifier else [])):
            curves[selector, reward] = curve[curve["selector"] == selector]
    rows = [curve.assign(selector=selector, reward=reward) for (selector, reward), curve in curves.items()]
    columns = ["selector", "reward", "k", "accuracy", "sd"]
    table = pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)
    majority = [majority_vote(problem) if verifier else np.nan for problem in unscored.values()]
    return table, pd.DataFrame({"problem_id": list(unscored), "majority": majority})


def evaluate_stopping(verdicts: list[str], verifier: str | None, draws: int, seed: int) -> pd.DataFrame:
    """Accuracy and mean number of samples of votes that stop early; no rows without answers to vote on.

    Args:
        verdicts: Verdicts files of all shards.
        verifier: Name of the verifier that decides which answers are equal; None without answers to vote on.
        draws: Random orders of the samples.
        seed: Seed of the orders.

    Returns:
        As `stopping.replay`.
    """
    if verifier is None:
        return pd.DataFrame(columns=COLUMNS)
    return replay(list(candidates(_judged(verdicts, verifier)).values()), draws, seed)


def _judged(verdicts: list[str], verifier: str | None) -> pd.DataFrame:
    """Outcome and canonical answer of each sample; no answers without a verifier."""
    judged = _read(verdicts, [*KEYS, "outcome", "answer"])
    if verifier is None:
        judged["answer"] = None
    else:
        canonical = verification.load(verifier).canonical
        canonical_forms = {answer: canonical(answer) for answer in judged["answer"].dropna().unique()}
        judged["answer"] = judged["answer"].map(canonical_forms, na_action="ignore")
    return judged


def _mean_probability(samples: list[str]) -> pd.DataFrame:
    """Geometric mean of each sample's token probabilities; NaN without tokens or where the source has no logprobs."""
    table = _read(samples, [*KEYS, "logprob", "tokens"])
    tokens = table["tokens"].astype("float64")
    table["reward"] = np.exp(table["logprob"].astype("float64") / tokens).where(tokens > 0)
    return table[[*KEYS, "reward"]]


def _read(paths: list[str], columns: list[str]) -> pd.DataFrame:
    """Columns of all shards, concatenated."""
    return pd.concat([read_table(path, columns).to_pandas() for path in paths], ignore_index=True)
