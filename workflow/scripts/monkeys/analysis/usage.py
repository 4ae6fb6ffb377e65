"""Machine hours of a study, from the usage records of its jobs (see `monkeys.usage`)."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

GROUP_COLUMNS = ["rule", "task", "model", "reward"]
NUMBER_COLUMNS = ["threads", "gpu", "mem_mb", "runtime", "wall_seconds", "cpu_seconds", "memory_mb"]


def read_usage_records(paths: Iterable[str | Path]) -> pd.DataFrame:
    """A row per run of a job: its usage record and the record's file; fields that do not apply are empty or NaN."""
    lines = [(str(path), line) for path in paths for line in Path(path).read_text().splitlines()]
    records = pd.DataFrame(
        [{"file": path, **json.loads(line)} for path, line in lines], columns=["file", *GROUP_COLUMNS, *NUMBER_COLUMNS]
    )
    return records.fillna(dict.fromkeys(GROUP_COLUMNS, "")).astype(dict.fromkeys(NUMBER_COLUMNS, float))


def usage_table(records: pd.DataFrame) -> pd.DataFrame:
    """Resources that the jobs of each rule, task and model used and requested.

    Returns:
        rule · task · model · reward · jobs · runs · wall_hours · cpu_hours · gpu_hours (GPUs requested × wall time) ·
        threads · requested_mb · used_mb · requested_minutes · used_minutes; hours are sums over all runs, the columns
        after them maxima over runs. NaN if nothing was requested.
    """
    rows = records.assign(gpu_seconds=records["wall_seconds"] * records["gpu"])
    table = rows.groupby(GROUP_COLUMNS).agg(
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
