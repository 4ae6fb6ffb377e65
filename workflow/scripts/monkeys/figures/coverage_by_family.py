"""Coverage of the models of a family, a panel per task and family."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from monkeys.figures import style


def draw(curves: pd.DataFrame, families: Mapping[str, str], colours: Mapping[str, style.Look]) -> Figure:
    """Curves with their intervals, of families of which a task has two models or more (Brown et al. 2024, Fig. 3).

    Args:
        curves: Columns task, model, k, coverage, low, high.
        families: By model; models without one are left out.
        colours: From `style.colours`.
    """
    family = curves["model"].map(dict(families))
    parts = [part for part in curves.groupby(["task", family], sort=False) if part[1]["model"].nunique() > 1]
    drawn = pd.concat([curves.iloc[:0], *(part for _, part in parts)])
    figure, axes = style.panels(len(parts))
    for panel, (_, part) in zip(axes, parts, strict=True):
        style.curves_of_k(panel, part, colours)
    return style.arrange(
        figure,
        [heading for heading, _ in parts],
        style.SAMPLES,
        style.COVERAGE,
        style.key(colours, drawn["model"], style.with_one_sample(drawn)),
        empty="no family has two models on a task",
    )
