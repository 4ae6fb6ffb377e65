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
        of_task = curves[curves["task"] == task]
        largest = of_task.groupby("model")["k"].transform("max")
        single = (largest == 1) & (largest.max() > 1)
        style.curves(panel, of_task[~single], "k", colours)
        for model, coverage in zip(of_task.loc[single, "model"], of_task.loc[single, "coverage"], strict=True):
            style.level(panel, (1, largest.max()), coverage, colours[model], model)
    entries = style.key(colours, curves["model"])
    return style.arrange(figure, [(task,) for task in tasks], style.SAMPLES, style.COVERAGE, entries)
