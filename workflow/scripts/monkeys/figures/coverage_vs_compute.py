"""Coverage against the compute that the samples took, a panel per task and a line per model."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from monkeys.figures import style


def draw(curves: pd.DataFrame, colours: Mapping[str, style.Look]) -> Figure:
    """Which model gets further for the same compute (Brown et al. 2024, Fig. 4).

    Args:
        curves: Columns task, model, k, flops (per problem, for k samples), coverage.
        colours: From `style.colours`.
    """
    tasks = curves["task"].unique()
    figure, axes = style.panels(len(tasks))
    for panel, task in zip(axes, tasks, strict=True):
        style.curves(panel, curves[curves["task"] == task], "flops", colours)
    entries = style.key(colours, curves["model"])
    return style.arrange(figure, [(task,) for task in tasks], "inference FLOPs per problem", style.COVERAGE, entries)
