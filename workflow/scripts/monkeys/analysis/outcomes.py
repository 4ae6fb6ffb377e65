"""Tallies from published outcomes: counts per problem, or 0 or 1 per attempt."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from monkeys.analysis.tally import COLUMNS

COUNTS = ("problem_id", "samples", "correct")
"""Columns of a file with a row per problem."""

ATTEMPTS = ("problem_id", "attempt", "correct")
"""Columns of a file with a row per attempt; `correct` is 0 or 1 (or false, true)."""


def read_outcomes(
    path: str, columns: Mapping[str, str] | None = None, where: Mapping[str, object] | None = None
) -> pd.DataFrame:
    """A tally from a file with the columns `COUNTS` or `ATTEMPTS`.

    Args:
        path: CSV, or parquet by its ending.
        columns: The file's own names for those columns, where they differ.
        where: Values, by the file's column names; only rows that have them are read.

    Returns:
        The columns of a tally, a row per problem; what outcomes lack (tokens, kinds of failure) is null.

    Raises:
        ValueError: a missing column, no rows, or invalid or contradictory rows; the message has their numbers.
    """
    table = pd.read_parquet(path) if Path(path).suffix == ".parquet" else pd.read_csv(path, dtype=str)
    table = table.reset_index(drop=True)
    columns = columns or {}
    names = {columns.get(name, name): name for name in {*COUNTS, *ATTEMPTS}}
    missing = [name for name in [*columns.values(), *(where or {})] if name not in table]
    if missing:
        raise ValueError(f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")
    for column, value in (where or {}).items():
        table = table[table[column].astype(str) == str(value)]
    if table.empty:
        raise ValueError(f"{path}: no rows" + (f" where {where}" if where else ""))
    table = table.rename(columns=names)
    wanted = ATTEMPTS if "attempt" in table and "samples" not in table else COUNTS
    missing = [columns.get(name, name) for name in wanted if name not in table]
    if missing:
        either = f"{', '.join(COUNTS)} (a row per problem) or {', '.join(ATTEMPTS)} (a row per attempt)"
        raise ValueError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}, but needs {either}"
        )
    table = table[list(wanted)].copy()
    _check_rows(path, table["problem_id"].isna(), "no problem_id")
    table["problem_id"] = table["problem_id"].astype(str)
    counts = _from_attempts(path, table) if wanted is ATTEMPTS else _checked_counts(path, table)
    return counts.reindex(columns=COLUMNS).astype(dict.fromkeys(COLUMNS[3:], "Int64"))


def _checked_counts(path: str, table: pd.DataFrame) -> pd.DataFrame:
    for column in ("samples", "correct"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        _check_rows(path, numbers.isna() | (numbers % 1 != 0) | (numbers < 0), f"{column} is not a count")
        table[column] = numbers.astype("int64")
    _check_rows(path, table["samples"] == 0, "no samples")
    _check_rows(path, table["correct"] > table["samples"], "more correct than samples")
    _check_rows(path, table["problem_id"].duplicated(), "duplicate problem_id")
    return table


def _from_attempts(path: str, table: pd.DataFrame) -> pd.DataFrame:
    values = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
    correct = table["correct"].astype(str).str.lower().map(values)
    _check_rows(path, correct.isna(), "correct is neither 0 nor 1")
    _check_rows(path, table["attempt"].isna(), "no attempt")
    _check_rows(path, table.duplicated(["problem_id", "attempt"]), "duplicate attempt")
    by_problem = correct.astype("int64").groupby(table["problem_id"], sort=False)
    counts = by_problem.agg(samples="size", correct="sum").reset_index()
    return counts.astype({"samples": "int64", "correct": "int64"})


def _check_rows(path: str, bad: pd.Series, mistake: str) -> None:
    """Raise a ValueError that names the bad rows; rows are numbered from 1, without the header."""
    if bad.any():
        rows = [str(row + 1) for row in bad.index[bad][:10]]
        raise ValueError(f"{path}: {mistake} in row {', '.join(rows)}{' …' if bad.sum() > 10 else ''}")
