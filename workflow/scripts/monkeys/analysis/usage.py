"""Where a study's hours of machines went, from the notes of its jobs (see `monkeys.usage`)."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

WHOSE = ["rule", "task", "model", "reward"]
NUMBERS = ["threads", "gpu", "mem_mb", "runtime", "wall_seconds", "cpu_seconds", "memory_mb"]


def read_notes(paths: Iterable[str | Path]) -> pd.DataFrame:
    """A row for every run of a job: its note, and the file that it is from; what does not apply is empty or NaN."""
    lines = [(str(path), line) for path in paths for line in Path(path).read_text().splitlines()]
    notes = pd.DataFrame(
        [{"file": path, **json.loads(line)} for path, line in lines], columns=["file", *WHOSE, *NUMBERS]
    )
    return notes.fillna(dict.fromkeys(WHOSE, "")).astype(dict.fromkeys(NUMBERS, float))


def usage(notes: pd.DataFrame) -> pd.DataFrame:
    """What the jobs of each rule, task and model used, and had requested.

    Returns:
        rule · task · model · reward · jobs · runs · wall_hours · cpu_hours · gpu_hours (GPUs requested × wall time) ·
        threads · requested_mb · used_mb · requested_minutes · used_minutes; hours are sums over all runs, and what
        follows them is the largest of any run. NaN is what was not requested.
    """
    rows = notes.assign(gpu_seconds=notes["wall_seconds"] * notes["gpu"])
    table = rows.groupby(WHOSE).agg(
        jobs=("file", "nunique"),
        runs=("file", "size"),
        wall_hours=("wall_seconds", "sum"),
        cpu_hours=("cpu_seconds", "sum"),
        gpu_hours=("gpu_seconds", "sum"),
        threads=("threads", "max"),
        requested_mb=("mem_mb", "max"),
        used_mb=("memory_mb", "max"),
        requested_minutes=("runtime", "max"),
        used_minutes=("wall_seconds", "max"),
    )
    table[["wall_hours", "cpu_hours", "gpu_hours"]] /= 3600
    table["used_minutes"] /= 60
    return table.reset_index()
