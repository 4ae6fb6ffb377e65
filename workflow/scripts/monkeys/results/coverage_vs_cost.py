"""Coverage against what the samples cost, a panel per task and a line per model, and what is best for each budget."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style

CATEGORY = "Cost"
FIGURE = (
    "Coverage against the mean cost per problem at the prices of the study's config. The step line joins what no "
    "other model and budget beats."
)


def missing(study: Study) -> str | None:
    return None if pairs.with_prices(study) else "no model with a price that can be applied (models.*.price)"


def draw(cost_effectiveness_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]") -> "Figure":
    """Which model, sampled how often, gets furthest for the same money.

    Args:
        cost_effectiveness_curves: Columns task, model, k, dollars (per problem, for k samples), coverage, pareto
            (whether nothing that costs no more gets further).
        looks: From `style.colours`.
    """
    from matplotlib.lines import Line2D

    from monkeys.reporting import style

    curves = cost_effectiveness_curves.dropna(subset="dollars")
    tasks = curves["task"].unique()
    front: dict[str, Any] = {"color": "#CCCCCC", "linewidth": 3.5, "drawstyle": "steps-post", "solid_capstyle": "round"}
    figure, axes = style.panels(len(tasks))
    for panel, task in zip(axes, tasks, strict=True):
        of_task = curves[curves["task"] == task]
        best = of_task[of_task["pareto"]].sort_values("dollars")
        panel.plot(best["dollars"], best["coverage"], label="_front", **front)
        style.curves(panel, of_task, "dollars", looks)
    entries = [*style.key(looks, curves["model"]), Line2D([], [], label="Pareto front", **front)]
    return style.arrange(figure, [(task,) for task in tasks], "US dollars per problem", style.COVERAGE, entries)
