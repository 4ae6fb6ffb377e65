"""Score the samples of one shard with a reward model; a killed job goes on from its journal."""

import hashlib
import math
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, TextIO

import pyarrow.parquet as pq

from monkeys import __version__, kept
from monkeys.kept import MadeFrom
from monkeys.progress import Note
from monkeys.rewards.model import RewardModel
from monkeys.rewards.reward import Reward
from monkeys.rewards.wording import Wording
from monkeys.sampling import weights
from monkeys.sampling.journal import Journal, exit_on_signals, read_entries
from monkeys.storage import REWARDS, digest, parquet_writer, read_provenance, read_rows

WINDOW = 4096
"""Samples that are in memory at once. They are scored in order of their length, so that little of it is padding."""


def score_shard(
    problems: str,
    samples: str,
    rewards: str,
    journal: str,
    reward: Reward,
    console: TextIO | None = None,
    note: Note | None = None,
    results: str | None = None,
) -> None:
    """Write the rewards of all samples of a shard, in their order; those of the same samples are taken up.

    Args:
        problems: The task's problems file.
        samples: The shard's samples file.
        rewards: Where the rewards go.
        journal: What is scored is recorded here, window by window.
        reward: The reward model's config; its weights are in the Hugging Face cache, or in a folder.
        console: Where a discarded journal is reported.
        note: Where it is noted how far the shard is.
        results: The folder of results that may hold finished rewards; None if there is none.

    Raises:
        ValueError: the config does not fit the model or the problems; a reward is not a number.
        RuntimeError: another process is at work on the shard.
    """
    shown = _shown(problems, reward)
    with open(samples, "rb") as file:
        drawn = hashlib.file_digest(file, "sha256").hexdigest()  # other samples may lie here when a killed job goes on
    settings = digest([reward.settings(), shown, drawn])
    texts = kept.text_digests(samples)
    if strangers := [problem for problem in texts if problem not in shown]:
        raise ValueError(f"{samples}: problem {strangers[0]} is not in the problems file")
    about = {problem: digest([shown[problem], text])[:16] for problem, text in texts.items()}
    made_from = MadeFrom(digest(reward.settings()), about)
    there = _rewards_there(results, rewards, made_from, console)

    def scored() -> int:
        return sum(len(entry.get("rewards", ())) for entry in read_entries(journal))

    def told() -> str:
        return f"the rewards of {scored()} samples of {samples} in the journal"

    with exit_on_signals(told, console), Journal(journal, settings, console=console) as opened:
        done = scored()
        total = pq.read_metadata(samples).num_rows
        if done < total:
            note = note or Note()
            note.begin(total, done)
            _score(opened, shown, samples, done, reward, note, there)
        _write(opened, samples, rewards, reward, made_from)


def _rewards_there(
    results: str | None, rewards: str, made_from: MadeFrom, console: TextIO | None
) -> dict[tuple[str, int], float]:
    """Rewards that there are already, by problem and number of the sample."""
    rows = kept.rows(results, rewards, made_from, console) if results is not None else ()
    return {(row["problem_id"], row["sample"]): row["reward"] for row in rows}


def _shown(problems: str, reward: Reward) -> dict[str, str]:
    """What the reward model is shown of every problem, by id."""
    shown = {row["problem_id"]: row[reward.context] for row in read_rows(problems, ["problem_id", reward.context])}
    if nothing := [problem for problem, text in shown.items() if text is None]:
        raise reward.mistake("context", f"problem {nothing[0]} has no {reward.context} in {problems}")
    return shown


def _score(
    journal: Journal,
    shown: dict[str, str],
    samples: str,
    done: int,
    reward: Reward,
    note: Note,
    there: dict[tuple[str, int], float],
) -> None:
    """Put the rewards of the samples behind the first `done` ones into the journal."""
    model: RewardModel | None = None
    began = time.monotonic()
    rows = islice(read_rows(samples, ["problem_id", "sample", "text"]), done, None)
    while window := list(islice(rows, WINDOW)):
        rewards = [there.get((row["problem_id"], row["sample"]), math.nan) for row in window]
        new = [number for number, value in enumerate(rewards) if math.isnan(value)]
        counts = Counter(taken_up=len(window) - len(new))
        if new:
            if model is None:
                folder = weights.local_folder(reward.weights, reward.commit, reward.trust_remote_code)
                model = RewardModel(reward, folder)
                wording = Wording(reward, model.tokenizer, model.longest)
                journal.append({"start": {"samples_before": done, **model.facts()}})
                began = time.monotonic()
            scored, more = _scored([window[number] for number in new], shown, model, wording, note)
            for number, value in zip(new, scored, strict=True):
                rewards[number] = value
            counts += more
        note.add(len(window) - len(new))
        done += len(window)
        journal.append({"seconds": round(time.monotonic() - began, 3), "rewards": rewards, "counts": counts})


def _scored(
    window: list[dict[str, Any]],
    shown: dict[str, str],
    model: RewardModel,
    wording: Wording,
    note: Note,
) -> tuple[list[float], Counter[str]]:
    """The rewards of some samples, equal ones of one problem scored once; and what the provenance counts of them."""
    alike: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(window):
        alike.setdefault((row["problem_id"], row["text"]), []).append(number)
    groups = list(alike.values())
    worded = wording.words([(shown[problem], text) for problem, text in alike])
    rewards = [math.nan] * len(window)
    for batch, values in model.rewards([words.tokens for words in worded]):
        for group, value in zip((groups[number] for number in batch), values, strict=True):
            if not math.isfinite(value):
                row = window[group[0]]
                raise ValueError(
                    f"problem {row['problem_id']}, sample {row['sample']}: reward {value}; "
                    f"if {model.facts()['dtype']} overflows, try another rewards.{model.reward.name}.dtype"
                )
            for number in group:
                rewards[number] = value
            note.add(len(group))
    cut = Counter({"problem": 0, "sample": 0})
    for group, words in zip(groups, worded, strict=True):
        if words.cut:
            cut[words.cut] += len(group)
    return rewards, Counter(distinct=len(groups), cut_problems=cut["problem"], cut_samples=cut["sample"])


def _write(journal: Journal, samples: str, rewards: str, reward: Reward, made_from: MadeFrom) -> None:
    """Write the rewards file from a complete journal."""
    starts: list[dict[str, Any]] = []
    counts = Counter[str](distinct=0, cut_problems=0, cut_samples=0, taken_up=0)
    provenance: dict[str, Any] = {
        "samples": {key: value for key, value in read_provenance(samples).items() if key != kept.KEY},
        **made_from.as_provenance(),
        "reward": reward.name,
        "settings": reward.settings(),
        "starts": starts,
        "project_version": __version__,
    }

    def scored() -> Iterator[float]:
        for entry in journal.entries():
            if "start" in entry:
                starts.append({**entry["start"], "seconds": 0.0})
                continue
            if starts:
                starts[-1]["seconds"] = entry["seconds"]
            counts.update(entry["counts"])
            yield from entry["rewards"]

    with parquet_writer(rewards, REWARDS, provenance) as add_row:
        for row, value in zip(read_rows(samples, ["problem_id", "sample"]), scored(), strict=True):
            add_row({**row, "reward": value})
        provenance |= counts
    if cut := counts["cut_problems"] + counts["cut_samples"]:
        print(
            f"NOTE {cut} samples and their problems together exceed rewards.{reward.name}.max_length: the problem lost "
            f"its beginning, and, of {counts['cut_samples']} samples, so did the sample"
        )
