"""From the files of one task and model to what votes and rewards make of its samples."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from monkeys import verification
from monkeys.analysis.coverage import log_grid, round_grid
from monkeys.analysis.selection import candidates, majority_vote, selection_curve
from monkeys.storage import read_table

KEYS = ["problem_id", "sample"]


def by_reward(names: Iterable[str], paths: Iterable[str]) -> dict[str, list[str]]:
    """Rewards files, `…/{reward}/{shard}.parquet`, by their reward; names of tasks and models may be the same."""
    files = list(paths)
    return {name: [path for path in files if Path(path).parent.name == name] for name in names}


def choices(
    samples: list[str],
    verdicts: list[str],
    rewards: dict[str, list[str]],
    logistic: set[str],
    verifier: str | None,
    subsets: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How often each selector is right, and how right the majority is about every problem.

    Args:
        samples: Samples files, for the probabilities of their tokens.
        verdicts: Verdicts files of the same shards.
        rewards: Rewards files by reward; one without files is the geometric mean of the tokens' probabilities.
        logistic: Rewards of which the logistic function is taken. The sum of what is negative favours rare answers.
        verifier: Who tells which answers are equal; None if there are no answers to vote on.
        subsets: Random subsets for every k.
        seed: Of these subsets.

    Returns:
        Columns selector, reward (empty for the majority), k, accuracy, sd; and columns problem_id, majority (NaN
        without votes). Rewards that no sample has are left out.

    Raises:
        ValueError: rewards of other samples than those that were judged.
    """
    judged = _read(verdicts, [*KEYS, "outcome", "answer"])
    if verifier is None:
        judged["answer"] = None
    else:
        spelling = verification.load(verifier).canonical
        spelled = {answer: spelling(answer) for answer in judged["answer"].dropna().unique()}
        judged["answer"] = judged["answer"].map(spelled, na_action="ignore")
    bare = candidates(judged)
    largest = min(problem.answer.size for problem in bare.values())
    ks = np.union1d(log_grid(largest, per_decade=5), round_grid(largest))
    curves = {("majority", ""): selection_curve(list(bare.values()), ks, subsets, seed)} if verifier else {}
    for reward, files in rewards.items():
        scores = _read(files, [*KEYS, "reward"]) if files else _mean_probability(samples)
        if reward in logistic:
            scores["reward"] = expit(scores["reward"])
        scored = judged.merge(scores.rename(columns={"reward": "score"}), on=KEYS, how="left", validate="1:1")
        if len(scores) != len(judged) or scores[KEYS].ne(judged[KEYS]).to_numpy().any():
            raise ValueError(f"rewards {reward} are of other samples than the verdicts; delete them and run again")
        if scored["score"].isna().all():
            continue
        curve = selection_curve(list(candidates(scored).values()), ks, subsets, seed)
        for selector in ("best_of_n", *(["weighted_majority"] if verifier else [])):
            curves[selector, reward] = curve[curve["selector"] == selector]
    rows = [curve.assign(selector=selector, reward=reward) for (selector, reward), curve in curves.items()]
    columns = ["selector", "reward", "k", "accuracy", "sd"]
    table = pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)
    majority = [majority_vote(problem) if verifier else np.nan for problem in bare.values()]
    return table, pd.DataFrame({"problem_id": list(bare), "majority": majority})


def _mean_probability(samples: list[str]) -> pd.DataFrame:
    """The geometric mean of the probabilities of a sample's tokens; NaN without any, or where the source is silent."""
    table = _read(samples, [*KEYS, "logprob", "tokens"])
    tokens = table["tokens"].astype("float64")
    table["reward"] = np.exp(table["logprob"].astype("float64") / tokens).where(tokens > 0)
    return table[[*KEYS, "reward"]]


def _read(paths: list[str], columns: list[str]) -> pd.DataFrame:
    """Columns of all shards."""
    return pd.concat([read_table(path, columns).to_pandas() for path in paths], ignore_index=True)
