"""Coverage against the number of samples, a panel per task and a line per model."""

import pandas as pd
from matplotlib.figure import Figure

from monkeys.figures.style import coverage_axes, palette, panels


def draw(curves: pd.DataFrame) -> Figure:
    """Curves with their intervals.

    Args:
        curves: Columns task, model, k, coverage, low, high.
    """
    tasks = list(curves["task"].unique())
    colours = palette(curves["model"])
    figure, axes = panels(len(tasks), columns=3)
    for task, panel in zip(tasks, axes, strict=True):
        for model, curve in curves[curves["task"] == task].groupby("model", sort=False):
            panel.plot(curve["k"], curve["coverage"], color=colours[model], label=model)
            panel.fill_between(curve["k"], curve["low"], curve["high"], color=colours[model], alpha=0.15, linewidth=0)
        coverage_axes(panel, task)
        panel.legend(frameon=False)
    return figure
