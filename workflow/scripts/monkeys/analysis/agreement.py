"""Agreement of two judges on the same samples."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from monkeys import verification
from monkeys.storage import read_provenance, read_rows, read_table

LOW_AGREEMENT = 0.95
"""An agreement below this points to a mistake in the study's config rather than to different graders."""

NUM_EXAMPLES = 3
"""Disputed answers that a table shows, most frequent first."""

COLUMNS = ["both_correct", "first_only", "second_only", "neither"]


@dataclass(frozen=True)
class JudgedShard:
    """Outcomes of one shard's samples according to two judges."""

    task: str
    model: str
    first: str
    """Name of the first judge."""
    second: str
    outcomes: pd.DataFrame
    """Columns problem_id, answer, first, second (outcomes)."""


def read_reverified(our_files: Iterable[str], published_files: Iterable[str]) -> Iterator[JudgedShard]:
    """Our verdicts on published samples, with the published ones.

    Args:
        our_files: Our verdicts files.
        published_files: Published verdicts files of the same shards, in the same order.

    Raises:
        ValueError: two files belong to different samples.
    """
    for ours, published in zip(our_files, published_files, strict=True):
        keys = ["problem_id", "sample"]
        left = read_table(ours, [*keys, "answer", "outcome"]).to_pandas()
        right = read_table(published, [*keys, "outcome"]).to_pandas()
        if not left[keys].astype(str).equals(right[keys].astype(str)):
            raise ValueError(f"{ours} and {published} belong to different samples; delete both and run again")
        source = read_provenance(published)
        left = left.rename(columns={"outcome": "first"}).assign(second=right["outcome"])
        yield JudgedShard(source["task"], source["model"], read_provenance(ours)["verifier"], "published", left)


def read_second_opinions(verdicts_files: Iterable[str]) -> Iterator[JudgedShard]:
    """Verdicts, with the second opinions stored in the same files."""
    for path in verdicts_files:
        provenance = read_provenance(path)
        verifier, source = provenance["verifier"], provenance["samples"]
        second = verification.load(verifier).second_grader
        frame = read_table(path, ["problem_id", "answer", "outcome", "second_opinion"]).to_pandas()
        frame = frame.rename(columns={"outcome": "first", "second_opinion": "second"})
        yield JudgedShard(source["task"], source["model"], verifier, str(second), frame)


def read_golds(verifiers: Mapping[str, str], problems: Iterable[str]) -> dict[str, dict[str, str]]:
    """Gold answers by task and problem, where the verifiers have them.

    Args:
        verifiers: Verifier by task.
        problems: Problems files of the tasks, in the same order.
    """
    golds = {}
    for (task, verifier), path in zip(verifiers.items(), problems, strict=True):
        gold = verification.load(verifier).gold
        golds[task] = {row["problem_id"]: answer for row in read_rows(path) if (answer := gold(row)) is not None}
    return golds


def agreement(shards: Iterable[JudgedShard], golds: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Counts of samples by which judges call them correct, a row per task and model.

    Args:
        shards: The judged samples.
        golds: Gold answers by task and problem, for the examples.

    Returns:
        Columns task, model, first, second (the judges), samples, `COLUMNS` (numbers of samples), agreement (fraction of
        samples on which both agree) and examples (answers on which they do not). Samples on which a judge failed are
        left out.
    """
    cells: dict[tuple[str, str, str, str], Counter[str]] = {}
    disputed: dict[tuple[str, str, str, str], Counter[tuple[str, str | None, str]]] = {}
    for shard in shards:
        key = shard.task, shard.model, shard.first, shard.second
        frame = shard.outcomes
        frame = frame[(frame["first"] != "verifier_error") & (frame["second"] != "verifier_error")]
        first, second = frame["first"] == "correct", frame["second"] == "correct"
        counts = (first & second).sum(), (first & ~second).sum(), (~first & second).sum(), (~first & ~second).sum()
        cells.setdefault(key, Counter()).update(dict(zip(COLUMNS, map(int, counts), strict=True)))
        differing = frame[first != second]
        judge = first[first != second].map({True: shard.first, False: shard.second})
        disputed.setdefault(key, Counter()).update(
            zip(differing["problem_id"].astype(str), differing["answer"], judge, strict=True)
        )
    rows = []
    for key, counted in cells.items():
        samples = counted.total()
        rows.append(
            dict(zip(("task", "model", "first", "second"), key, strict=True))
            | {"samples": samples, **{column: counted[column] for column in COLUMNS}}
            | {"agreement": (counted["both_correct"] + counted["neither"]) / samples}
            | {"examples": "; ".join(_examples(disputed[key], golds.get(key[0], {})))}
        )
    return pd.DataFrame(rows)


def _examples(disputed: Counter[tuple[str, str | None, str]], golds: Mapping[str, str]) -> Iterator[str]:
    """Sentences about the most frequent answers on which the judges differ."""
    order = sorted(disputed.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or ""))
    for (problem, answer, judge), samples in order[:NUM_EXAMPLES]:
        shown = "a sample" if answer is None else f"`{answer[:100]}`"
        gold = f" for `{golds[problem][:100]}`" if problem in golds else ""
        yield f"{shown}{gold} (problem {problem}, {samples} ×) is correct for {judge} alone"
