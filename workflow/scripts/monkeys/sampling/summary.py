"""Progress of a study's samples (counts, speed, time left), from finished shards and from journals."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from monkeys.progress import duration
from monkeys.sampling.journal import read_entries
from monkeys.sampling.shard import count_sample
from monkeys.storage import read_provenance


def summary(results: str | Path, shards: Iterable[tuple[str, str, int, int]]) -> pd.DataFrame:
    """A row of text per task and model: samples done and wanted, tokens, tokens/s, truncated, time left.

    Args:
        results: The study's folder.
        shards: Task, model, index and size (samples per problem) of every wanted shard.

    Returns:
        Speed and time left are for one sampling job, without the engine's start-up; `?` if unknown.
    """
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for task, model, index, size in shards:
        totals = shard_totals(Path(results), task, model, index)
        if totals["problems"] is not None:
            totals["wanted"] = totals["problems"] * size
        pairs.setdefault((task, model), []).append(totals)
    return pd.DataFrame([{"task": task, "model": model, **_row(totals)} for (task, model), totals in pairs.items()])


def shard_totals(results: Path, task: str, model: str, index: int) -> dict[str, Any]:
    """Samples, tokens, truncated samples and seconds of one shard so far.

    `problems` is None without a problems file, `wanted` is None without a finished samples file.
    """
    samples = results / "samples" / task / model / f"{index}.parquet"
    journal = results / ".journal" / task / model / f"{index}.jsonl"
    totals: dict[str, Any] = {"samples": 0, "generated_tokens": 0, "truncated": 0, "seconds": 0.0, "wanted": None}
    problems = results / "problems" / f"{task}.parquet"
    totals["problems"] = pq.read_metadata(problems).num_rows if problems.exists() else None
    if samples.exists():
        source = read_provenance(samples)
        totals |= {key: source.get(key) for key in ("samples", "generated_tokens", "truncated")}
        totals["wanted"] = source.get("samples")  # known even without a problems file
        totals["seconds"] = sum(start["seconds"] for start in source.get("engine_starts", []))
    elif journal.exists():
        since_start = 0.0
        for entry in read_entries(journal):
            if "start" in entry:
                totals["seconds"] += since_start
                since_start = 0.0
            else:
                since_start = entry["seconds"]
                totals["samples"] += len(entry["samples"])
                for sample in entry["samples"]:
                    count_sample(totals, sample)
        totals["seconds"] += since_start
    return totals


def _row(totals: list[dict[str, Any]]) -> dict[str, str]:
    def total(key: str) -> Any:
        values = [shard[key] for shard in totals]
        return None if None in values else sum(values)

    done, wanted, tokens, seconds = (total(key) for key in ("samples", "wanted", "generated_tokens", "seconds"))
    truncated = total("truncated")
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
