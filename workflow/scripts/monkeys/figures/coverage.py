"""Coverage against the number of samples, a panel per task and a line per model."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from monkeys.figures import style


def draw(curves: pd.DataFrame, colours: Mapping[str, style.Look]) -> Figure:
    """Curves with their intervals, and a dashed line for a model with one sample (Brown et al. 2024, Fig. 2).

    Args:
        curves: Columns task, model, k, coverage, low, high.
        colours: From `style.colours`.
    """
    tasks = curves["task"].unique()
    figure, axes = style.panels(len(tasks))
    for panel, task in zip(axes, tasks, strict=True):
        style.curves_of_k(panel, curves[curves["task"] == task], colours)
    entries = style.key(colours, curves["model"], style.with_one_sample(curves))
    return style.arrange(figure, [(task,) for task in tasks], style.SAMPLES, style.COVERAGE, entries)
