"""Coverage of the models of a family against samples in units of each model's own, a panel per task and family."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from monkeys.figures import style


def draw(curves: pd.DataFrame, shifts: pd.DataFrame, colours: Mapping[str, style.Look]) -> Figure:
    """Curves of a family, moved along the logarithm of k so that they meet (Brown et al. 2024, Fig. 6).

    Args:
        curves: Columns task, model, k, coverage.
        shifts: Columns task, family, model, anchor (the largest pass@1 of the family), k (with which the model gets
            there; NaN if it has no correct sample and is left out). Families with one such model are left out.
        colours: From `style.colours`.
    """
    usable = shifts.dropna(subset="k")
    parts = [part for part in usable.groupby(["task", "family"], sort=False) if part[1]["model"].nunique() > 1]
    by_pair = dict(list(curves.groupby(["task", "model"])))
    meeting: dict[str, Any] = {"color": style.GREY, "linewidth": 0.7, "linestyle": (0, (1, 1.5))}
    figure, axes = style.panels(len(parts))
    for panel, (_, part) in zip(axes, parts, strict=True):
        for shift in part.itertuples():
            curve = by_pair[shift.task, shift.model]
            style.curve(panel, curve["k"] / shift.k, curve["coverage"], colours[shift.model], shift.model)
        panel.axvline(1, label="_unit", **meeting)
        panel.axhline(part["anchor"].iloc[0], label="_anchor", **meeting)
    return style.arrange(
        figure,
        [heading for heading, _ in parts],
        "samples per problem, k / kₘ",
        style.COVERAGE,
        [
            *style.key(colours, [model for _, part in parts for model in part["model"]]),
            Line2D([], [], label="largest pass@1 in the family, reached at kₘ", **meeting),
        ],
        empty="no family has two models with a correct sample on a task",
    )
