"""Coverage with and without problems whose verdicts cannot be relied on, a panel per task."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from monkeys.figures import style

KEPT: dict[str, Any] = {"linestyle": (0, (3, 2)), "marker": ""}


def draw(curves: pd.DataFrame, colours: Mapping[str, style.Look]) -> Figure:
    """Whether flaky problems change the trend (Brown et al. 2024, Fig. 9).

    Args:
        curves: Columns task, model, k, coverage_all, coverage_kept (without flaky problems), problems_all,
            problems_kept.
        colours: From `style.colours`.
    """
    looks = {model: look._replace(dashes=()) for model, look in colours.items()}  # here dashes mean something else
    tasks = list(curves.groupby("task", sort=False))
    figure, axes = style.panels(len(tasks))
    headings = []
    for panel, (task, of_task) in zip(axes, tasks, strict=True):
        for model, curve in of_task.groupby("model", sort=False):
            style.curve(panel, curve["k"], curve["coverage_all"], looks[model], model)
            style.curve(panel, curve["k"], curve["coverage_kept"], looks[model], f"_{model}", **KEPT)
        kept, of = of_task["problems_kept"].max(), of_task["problems_all"].max()
        headings.append((task, f"{kept} of {of} problems not flagged"))
    entries = [
        *style.key(looks, curves["model"]),
        Line2D([], [], color=style.GREY, label="all problems"),
        Line2D([], [], color=style.GREY, label="without flagged problems", **KEPT),
    ]
    return style.arrange(figure, headings, style.SAMPLES, style.COVERAGE, entries)
