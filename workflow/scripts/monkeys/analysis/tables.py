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
"""Beginning of a text that a spreadsheet would execute as a formula; does not match numbers."""

HEADLINE_KS = (1, 10, 100, 1000, 10_000)


def read_tallies(paths: Iterable[str]) -> dict[Pair, pd.DataFrame]:
    """Tallies by task and model, without problems that have no verified sample; a warning reports their number.

    Raises:
        ValueError: no problem of a tally has a verified sample.
    """
    tallies = {}
    for path in paths:
        whole = read_table(path).to_pandas()
        tally = whole[whole["samples"] > 0].reset_index(drop=True)
        if tally.empty:
            raise ValueError(f"{path}: no problem has a verified sample; the logs of verification say why it failed")
        task, model = tally.loc[0, ["task", "model"]]
        tallies[task, model] = tally.drop(columns=["task", "model"])
        if left_out := len(whole) - len(tally):
            print(
                f"WARNING {task} {model}: {left_out} of {len(whole)} problems have no verified sample and are left out"
            )
    return tallies


def concat_with_keys(parts: Mapping[Any, pd.DataFrame], names: Sequence[str] = ("task", "model")) -> pd.DataFrame:
    """Frames concatenated, with their keys as the first columns, which get these names."""
    return pd.concat(parts, names=list(names)).reset_index(level=list(range(len(names)))).reset_index(drop=True)


def at_round_ks(curves: pd.DataFrame) -> pd.DataFrame:
    """Rows of curves (columns task, model, k, …) at k = 1, 2, 5, 10, … and the largest k."""
    largest = curves.groupby(["task", "model"], sort=False)["k"].transform("max")
    wanted = [k in round_grid(top) for k, top in zip(curves["k"], largest, strict=True)]
    return curves[wanted].reset_index(drop=True)


def headline(table: pd.DataFrame) -> pd.DataFrame:
    """Coverage at k = 1, at powers of ten and at the largest k; one row per task and model."""
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
    """A frame as CSV. Texts come from datasets and models: formulas that a spreadsheet would execute get a leading `'`.

    Line breaks in texts become line feeds: pandas does not quote a lone carriage return, which would end the row.
    """

    def escape(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        value = value.replace("\r\n", "\n").replace("\r", "\n")
        return f"'{value}" if FORMULA.match(value) else value

    texts = {name: column.map(escape) for name, column in table.items() if column.dtype.kind == "O"}
    return table.assign(**texts).to_csv(index=False)


def write_table(
    table: pd.DataFrame, csv: str | Path, markdown: str | Path, markdown_table: pd.DataFrame | None = None
) -> None:
    """Write a table as CSV, and it (to four digits) or another one as Markdown, where NaN is blank."""
    write_text(csv, csv_text(table))
    shown = table.round(4) if markdown_table is None else markdown_table
    shown = shown.astype(object).where(shown.notna(), None)
    write_text(markdown, shown.to_markdown(index=False, disable_numparse=markdown_table is not None) + "\n")
