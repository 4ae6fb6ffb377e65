"""Score the samples of one shard with a reward model; a killed job resumes from its journal."""

import hashlib
import math
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TextIO

import pyarrow.parquet as pq

from monkeys import __version__, kept
from monkeys.kept import MadeFrom
from monkeys.progress import Note
from monkeys.rewards.model import RewardModel
from monkeys.rewards.reward import RewardModelConfig
from monkeys.rewards.wording import InputBuilder
from monkeys.sampling import weights
from monkeys.sampling.journal import Journal, read_entries
from monkeys.sampling.signals import exit_on_signals
from monkeys.storage import REWARDS, Provenance, Row, digest, parquet_writer, read_provenance, read_rows

WINDOW = 4096
"""Samples in memory at once. They are scored in order of length, so that batches contain little padding."""


def score_shard(
    problems: str,
    samples: str,
    rewards: str,
    journal: str,
    reward: RewardModelConfig,
    console: TextIO | None = None,
    note: Note | None = None,
    results: str | None = None,
) -> None:
    """Write the rewards of all samples of a shard, in their order; existing rewards of the same samples are reused.

    Args:
        problems: The task's problems file.
        samples: The shard's samples file.
        rewards: Output file.
        journal: Journal file, which records rewards window by window.
        reward: The reward model's config; its weights are in the Hugging Face cache or in a folder.
        console: Where a journal that is set aside or damaged is reported.
        note: Counts the shard's progress.
        results: Results folder that may hold finished rewards; None for none.

    Raises:
        ValueError: the config does not fit the model or the problems, or a reward is not finite.
        RuntimeError: another process is working on the shard.
    """
    contexts = _contexts(problems, reward)
    with open(samples, "rb") as file:
        samples_digest = hashlib.file_digest(file, "sha256").hexdigest()  # the file may change before a job resumes
    settings = digest([reward.settings(), contexts, samples_digest])
    texts = kept.text_digests(samples)
    if unknown := [problem for problem in texts if problem not in contexts]:
        raise ValueError(f"{samples}: problem {unknown[0]} is not in the problems file")
    by_problem = {problem: digest([contexts[problem], text])[:16] for problem, text in texts.items()}
    made_from = MadeFrom(digest(reward.settings()), by_problem)
    existing = _existing_rewards(results, rewards, made_from, console)

    def num_scored() -> int:
        return sum(len(entry.get("rewards", ())) for entry in read_entries(journal))

    def in_journal() -> str:
        return f"the rewards of {num_scored()} samples of {samples} in the journal"

    with exit_on_signals(in_journal, console), Journal(journal, settings, console=console) as opened:
        done = num_scored()
        total = pq.read_metadata(samples).num_rows
        if done < total:
            note = note or Note()
            note.begin(total, done)
            _score(opened, contexts, samples, done, reward, note, existing)
        _write(opened, samples, rewards, reward, made_from)


def _existing_rewards(
    results: str | None, rewards: str, made_from: MadeFrom, console: TextIO | None
) -> dict[tuple[str, int], float]:
    """Existing rewards of the same samples, by problem and number of the sample."""
    rows = kept.rows(results, rewards, made_from, console) if results is not None else ()
    return {(row["problem_id"], row["sample"]): row["reward"] for row in rows}


def _contexts(problems: str, reward: RewardModelConfig) -> dict[str, str]:
    """Text that represents each problem in the reward model's input, by problem id."""
    contexts = {row["problem_id"]: row[reward.context] for row in read_rows(problems, ["problem_id", reward.context])}
    if missing := [problem for problem, text in contexts.items() if text is None]:
        raise reward.config_error("context", f"problem {missing[0]} has no {reward.context} in {problems}")
    return contexts


def _score(
    journal: Journal,
    contexts: dict[str, str],
    samples: str,
    done: int,
    reward: RewardModelConfig,
    note: Note,
    existing: dict[tuple[str, int], float],
) -> None:
    """Record the rewards of all but the first `done` samples in the journal."""
    model: RewardModel | None = None
    began = time.monotonic()
    rows = islice(read_rows(samples, ["problem_id", "sample", "text"]), done, None)
    while window := list(islice(rows, WINDOW)):
        rewards = [existing.get((row["problem_id"], row["sample"]), math.nan) for row in window]
        new = [number for number, value in enumerate(rewards) if math.isnan(value)]
        counts = Counter(taken_up=len(window) - len(new))
        if new:
            if model is None:
                folder = weights.local_folder(reward.weights, reward.commit, reward.trust_remote_code)
                model = RewardModel(reward, folder)
                builder = InputBuilder(reward, model.tokenizer, model.token_limit)
                journal.append({"start": {"samples_before": done, **model.numerics()}})
                began = time.monotonic()
            scored, more = _score_window([window[number] for number in new], contexts, model, builder, note)
            for number, value in zip(new, scored, strict=True):
                rewards[number] = value
            counts += more
        note.add(len(window) - len(new))
        done += len(window)
        journal.append({"seconds": round(time.monotonic() - began, 3), "rewards": rewards, "counts": counts})


def _score_window(
    window: list[Row],
    contexts: dict[str, str],
    model: RewardModel,
    builder: InputBuilder,
    note: Note,
) -> tuple[list[float], Counter[str]]:
    """Rewards of some samples, and counts for the provenance. Equal samples of a problem are scored once."""
    duplicates: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(window):
        duplicates.setdefault((row["problem_id"], row["text"]), []).append(number)
    groups = list(duplicates.values())
    inputs = builder.build([(contexts[problem], text) for problem, text in duplicates])
    rewards = [math.nan] * len(window)
    for batch, values in model.rewards([model_input.tokens for model_input in inputs]):
        for group, value in zip((groups[number] for number in batch), values, strict=True):
            if not math.isfinite(value):
                row = window[group[0]]
                raise ValueError(
                    f"problem {row['problem_id']}, sample {row['sample']}: reward {value}; "
                    f"if {model.numerics()['dtype']} overflows, try another rewards.{model.reward.name}.dtype"
                )
            for number in group:
                rewards[number] = value
            note.add(len(group))
    cut = Counter({"problem": 0, "sample": 0})
    for group, model_input in zip(groups, inputs, strict=True):
        if model_input.cut:
            cut[model_input.cut] += len(group)
    return rewards, Counter(distinct=len(groups), cut_problems=cut["problem"], cut_samples=cut["sample"])


def _write(journal: Journal, samples: str, rewards: str, reward: RewardModelConfig, made_from: MadeFrom) -> None:
    """Write the rewards file from a complete journal."""
    starts: list[Provenance] = []
    counts = Counter[str](distinct=0, cut_problems=0, cut_samples=0, taken_up=0)
    provenance: Provenance = {
        "samples": {key: value for key, value in read_provenance(samples).items() if key != kept.KEY},
        **made_from.as_provenance(),
        "reward": reward.name,
        "settings": reward.settings(),
        "starts": starts,
        "project_version": __version__,
    }

    def recorded_rewards() -> Iterator[float]:
        for entry in journal.entries():
            if "start" in entry:
                starts.append({**entry["start"], "seconds": 0.0})
                continue
            if starts:
                starts[-1]["seconds"] = entry["seconds"]
            counts.update(entry["counts"])
            yield from entry["rewards"]

    with parquet_writer(rewards, REWARDS, provenance) as add_row:
        for row, value in zip(read_rows(samples, ["problem_id", "sample"]), recorded_rewards(), strict=True):
            add_row({**row, "reward": value})
        provenance |= counts
    if cut := counts["cut_problems"] + counts["cut_samples"]:
        print(
            f"NOTE {cut} samples and their problems together exceed rewards.{reward.name}.max_length: the beginning "
            f"of the problem was cut, and for {counts['cut_samples']} of them the beginning of the sample, too"
        )
