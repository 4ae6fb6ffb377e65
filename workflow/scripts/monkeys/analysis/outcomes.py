"""Tallies from counts that others published."""

from pathlib import Path

import pandas as pd

from monkeys.analysis.tally import COLUMNS


def read_counts(path: str) -> pd.DataFrame:
    """A tally from a file with the columns problem_id, samples, correct, a row per problem.

    Args:
        path: CSV, or parquet by its ending.

    Returns:
        The columns of a tally; what counts do not tell (tokens, kinds of failure) is null.

    Raises:
        ValueError: a missing column, or rows that contradict themselves or each other, with their numbers.
    """
    table = pd.read_parquet(path) if Path(path).suffix == ".parquet" else pd.read_csv(path, dtype={"problem_id": str})
    missing = [column for column in ("problem_id", "samples", "correct") if column not in table]
    if missing:
        raise ValueError(f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")
    for column in ("samples", "correct"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        _refuse(path, numbers.isna() | (numbers % 1 != 0) | (numbers < 0), f"{column} is not a count")
        table[column] = numbers.astype("int64")
    _refuse(path, table["correct"] > table["samples"], "more correct than samples")
    _refuse(path, table["problem_id"].duplicated(), "a problem appears again")
    table["problem_id"] = table["problem_id"].astype(str)
    return table.reindex(columns=COLUMNS).astype(dict.fromkeys(COLUMNS[3:], "Int64"))


def _refuse(path: str, bad: pd.Series, why: str) -> None:
    """Raise for the rows that are marked bad; rows count from 1, without the header."""
    if bad.any():
        rows = [str(row + 1) for row in bad.to_numpy().nonzero()[0][:10]]
        raise ValueError(f"{path}: {why} in row {', '.join(rows)}{' …' if bad.sum() > 10 else ''}")
