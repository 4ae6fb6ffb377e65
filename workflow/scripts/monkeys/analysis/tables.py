"""Tables over all tasks and models, as CSV for programs and Markdown for people."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from monkeys.analysis.coverage import round_grid
from monkeys.reporting.pairs import Pair
from monkeys.storage import read_table, write_text

FORMULA = re.compile(r"[=@\t\n]|[+-](?!\.?\d[\d.,]*(e[+-]?\d+)?%?$)")
"""How a text begins that a spreadsheet would carry out; numbers are none."""

HEADLINE_KS = (1, 10, 100, 1000, 10_000)


def read_tallies(paths: Iterable[str]) -> dict[Pair, pd.DataFrame]:
    """Tallies by task and model, without problems of which no sample could be verified; those are reported.

    Raises:
        ValueError: a tally has no problem left.
    """
    tallies = {}
    for path in paths:
        whole = read_table(path).to_pandas()
        tally = whole[whole["samples"] > 0].reset_index(drop=True)
        if tally.empty:
            raise ValueError(f"{path}: no problem has a verified sample; see why verification failed in its logs")
        task, model = tally.loc[0, ["task", "model"]]
        tallies[task, model] = tally.drop(columns=["task", "model"])
        if left_out := len(whole) - len(tally):
            print(
                f"WARNING {task} {model}: {left_out} of {len(whole)} problems have no verified sample and are left out"
            )
    return tallies


def stacked(parts: Mapping[Any, pd.DataFrame], names: Sequence[str] = ("task", "model")) -> pd.DataFrame:
    """Frames under each other, with what they belong to (the keys) in columns of these names in front."""
    return pd.concat(parts, names=list(names)).reset_index(level=list(range(len(names)))).reset_index(drop=True)


def at_round_ks(curves: pd.DataFrame) -> pd.DataFrame:
    """The rows of curves (columns task, model, k, …) at k = 1, 2, 5, 10, … and the largest k."""
    largest = curves.groupby(["task", "model"], sort=False)["k"].transform("max")
    wanted = [k in round_grid(top) for k, top in zip(curves["k"], largest, strict=True)]
    return curves[wanted].reset_index(drop=True)


def headline(table: pd.DataFrame) -> pd.DataFrame:
    """One row per task and model: coverage at 1, at each power of ten and at the largest k."""
    rows = []
    for (task, model), curve in table.groupby(["task", "model"], sort=False):
        by_k = curve.set_index("k")["coverage"]
        top = by_k.index.max()
        row: dict[str, object] = {"task": task, "model": model}
        row |= {f"coverage@{k}": f"{by_k[k]:.3f}" for k in HEADLINE_KS if k in by_k.index and (k == 1 or k < top)}
        row |= {"largest k": top, "coverage@largest": f"{by_k[top]:.3f}"}
        rows.append(row)
    columns = [f"coverage@{k}" for k in HEADLINE_KS]
    whole = pd.DataFrame(rows).reindex(columns=["task", "model", *columns, "largest k", "coverage@largest"])
    return whole.dropna(axis="columns", how="all").fillna("")


def csv_text(table: pd.DataFrame) -> str:
    """A frame as CSV. Texts come from datasets and models: what a spreadsheet would carry out gets a `'` in front.

    Every line break in a text becomes a line feed: a lone carriage return, which pandas does not quote, ends a row.
    """

    def defused(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        value = value.replace("\r\n", "\n").replace("\r", "\n")
        return f"'{value}" if FORMULA.match(value) else value

    texts = {name: column.map(defused) for name, column in table.items() if column.dtype.kind == "O"}
    return table.assign(**texts).to_csv(index=False)


def write_table(table: pd.DataFrame, csv: str | Path, markdown: str | Path, shown: pd.DataFrame | None = None) -> None:
    """Write a table as CSV and, in the form `shown` (default: itself, to four digits), as Markdown, blank for NaN."""
    write_text(csv, csv_text(table))
    people = table.round(4) if shown is None else shown
    blank = people.astype(object).where(people.notna(), None)
    write_text(markdown, blank.to_markdown(index=False, disable_numparse=shown is not None) + "\n")
