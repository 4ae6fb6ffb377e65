"""Tables over all tasks and models, as CSV for programs and Markdown for people."""

from pathlib import Path

import pandas as pd

from monkeys.analysis.coverage import round_grid
from monkeys.storage import write_text

HEADLINE_KS = (1, 10, 100, 1000, 10_000)


def collect(pairs: list[tuple[str, str]], paths: list[str]) -> pd.DataFrame:
    """The rows of per-pair CSV files under each other, with the columns task and model in front."""
    parts = []
    for (task, model), path in zip(pairs, paths, strict=True):
        part = pd.read_csv(path)
        part.insert(0, "task", task)
        part.insert(1, "model", model)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def coverage_table(curves: pd.DataFrame) -> pd.DataFrame:
    """Coverage at k = 1, 2, 5, 10, … and the largest k. Columns task, model, k, coverage, low, high."""
    largest = curves.groupby(["task", "model"], sort=False)["k"].transform("max")
    wanted = [k in round_grid(top) for k, top in zip(curves["k"], largest, strict=True)]
    return curves[wanted].reset_index(drop=True)


def headline(table: pd.DataFrame) -> pd.DataFrame:
    """One row per task and model: coverage at each power of ten and at the largest k."""
    rows = []
    for (task, model), curve in table.groupby(["task", "model"], sort=False):
        by_k = curve.set_index("k")["coverage"]
        top = by_k.index.max()
        row: dict[str, object] = {"task": task, "model": model}
        row |= {f"coverage@{k}": f"{by_k[k]:.3f}" for k in HEADLINE_KS if k in by_k.index and k < top}
        row |= {"largest k": top, "coverage@largest": f"{by_k[top]:.3f}"}
        rows.append(row)
    columns = [f"coverage@{k}" for k in HEADLINE_KS]
    whole = pd.DataFrame(rows).reindex(columns=["task", "model", *columns, "largest k", "coverage@largest"])
    return whole.dropna(axis="columns", how="all").fillna("")


def write_table(table: pd.DataFrame, csv: str | Path, markdown: str | Path, shown: pd.DataFrame | None = None) -> None:
    """Write a table as CSV and, in the form `shown` (default: itself, to four digits), as Markdown."""
    write_text(csv, table.to_csv(index=False))
    people = table.round(4) if shown is None else shown
    write_text(markdown, people.to_markdown(index=False, disable_numparse=shown is not None) + "\n")
