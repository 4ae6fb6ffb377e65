"""Progress of a study's samples (counts, speed, time left), from finished shards and from journals."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from monkeys.progress import duration
from monkeys.sampling.journal import read_entries
from monkeys.sampling.shard import Totals
from monkeys.storage import read_provenance


def summary(results: str | Path, shards: Iterable[tuple[str, str, int, int]]) -> pd.DataFrame:
    """A row of text per task and model: samples done and wanted, tokens, tokens/s, truncated, time left.

    Args:
        results: The study's folder.
        shards: Task, model, index and size (samples per problem) of every wanted shard.

    Returns:
        Speed and time left are for one sampling job, without the engine's start-up; `?` if unknown.
    """
    pairs: dict[tuple[str, str], list[ShardTotals]] = {}
    for task, model, index, size in shards:
        pairs.setdefault((task, model), []).append(shard_totals(Path(results), task, model, index, size))
    return pd.DataFrame([{"task": task, "model": model, **_row(totals)} for (task, model), totals in pairs.items()])


@dataclass
class ShardTotals(Totals):
    """Progress of one shard."""

    samples: int = 0
    seconds: float = 0.0
    wanted: int | None = None
    """Samples of the complete shard; None while neither its problems nor its samples file exist."""


def shard_totals(results: Path, task: str, model: str, index: int, size: int) -> ShardTotals:
    """Samples, tokens, truncated samples and seconds of one shard so far."""
    samples = results / "samples" / task / model / f"{index}.parquet"
    journal = results / ".journal" / task / model / f"{index}.jsonl"
    problems = results / "problems" / f"{task}.parquet"
    totals = ShardTotals()
    if samples.exists():
        source = read_provenance(samples)
        totals = ShardTotals(
            source.get("generated_tokens"),
            source.get("truncated"),
            source["samples"],
            seconds=sum(start["seconds"] for start in source.get("engine_starts", [])),
            wanted=source.get("samples"),
        )
    elif journal.exists():
        since_start = 0.0
        for entry in read_entries(journal):
            if "start" in entry:
                totals.seconds += since_start
                since_start = 0.0
            else:
                since_start = entry["seconds"]
                totals.samples += len(entry["samples"])
                for sample in entry["samples"]:
                    totals.count(sample)
        totals.seconds += since_start
    if problems.exists():
        totals.wanted = pq.read_metadata(problems).num_rows * size
    return totals


def total(shards: Iterable[ShardTotals], key: str) -> Any:
    """Sum over shards; None if one of them is not known."""
    values = [getattr(shard, key) for shard in shards]
    return None if None in values else sum(values)


def _row(shards: list[ShardTotals]) -> dict[str, str]:
    keys = ("samples", "wanted", "generated_tokens", "seconds", "truncated")
    done, wanted, tokens, seconds, truncated = (total(shards, key) for key in keys)
    left = (wanted - done) * seconds / done if wanted is not None and done and seconds else None
    if wanted == done:
        left = 0.0
    return {
        "samples": f"{done:,}",
        "wanted": "?" if wanted is None else f"{wanted:,}",
        "tokens": "?" if tokens is None else f"{tokens:,}",
        "tokens/s": "?" if not tokens or not seconds else f"{tokens / seconds:,.0f}",
        "truncated": "?" if truncated is None or not done else f"{truncated / done:.1%}",
        "time left": "?" if left is None else duration(left),
    }
