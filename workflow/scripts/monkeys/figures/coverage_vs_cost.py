"""Coverage against what the samples cost, a panel per task and a line per model, and what is best for each budget."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from monkeys.figures import style


def draw(curves: pd.DataFrame, colours: Mapping[str, style.Look]) -> Figure:
    """Which model, sampled how often, gets furthest for the same money.

    Args:
        curves: Columns task, model, k, dollars (per problem, for k samples), coverage, pareto (whether nothing that
            costs no more gets further).
        colours: From `style.colours`.
    """
    tasks = curves["task"].unique()
    front: dict[str, Any] = {"color": "#CCCCCC", "linewidth": 3.5, "drawstyle": "steps-post", "solid_capstyle": "round"}
    figure, axes = style.panels(len(tasks))
    for panel, task in zip(axes, tasks, strict=True):
        of_task = curves[curves["task"] == task]
        best = of_task[of_task["pareto"]].sort_values("dollars")
        panel.plot(best["dollars"], best["coverage"], label="_front", **front)
        style.curves(panel, of_task, "dollars", colours)
    entries = [*style.key(colours, curves["model"]), Line2D([], [], label="Pareto front", **front)]
    return style.arrange(figure, [(task,) for task in tasks], "US dollars per problem", style.COVERAGE, entries)
