"""Coverage against the price of the samples, a panel per task and a line per model, with the Pareto front."""

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
    "Coverage against mean cost per problem at the prices in the study's config. The grey step line is the Pareto "
    "front: no other model and number of samples reaches more coverage for the same or a lower cost."
)


def missing(study: Study) -> str | None:
    return None if pairs.with_prices(study) else "no model with a price that can be applied (models.*.price)"


def draw(cost_effectiveness_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]") -> "Figure":
    """Coverage of each model for the same money.

    Args:
        cost_effectiveness_curves: Columns task, model, k, dollars (per problem, for k samples), coverage, pareto
            (on the Pareto front).
        looks: From `style.assign_looks`.
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
    entries = [*style.legend_entries(looks, curves["model"]), Line2D([], [], label="Pareto front", **front)]
    return style.arrange(figure, [(task,) for task in tasks], "US dollars per problem", style.COVERAGE, entries)
