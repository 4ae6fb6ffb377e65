"""Cover@τ: the fraction of problems whose solve rate is at least τ; a panel per task and a line per model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.reporting.captions import samples_per_problem
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style

CATEGORY = "Solve rates"


def FIGURE(study: Study) -> str:
    return (
        "Cover@τ (arXiv 2510.08325): fraction of problems whose fraction of correct samples is at least τ. Coverage at "
        "k counts problems with τ of about 1 / k and more. A line that falls at small τ is that of a model that solves "
        "its problems only now and then. Problems without a correct sample are never counted. "
        f"{samples_per_problem(study)}"
    )


def draw(solve_rates_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]") -> "Figure":
    """A step per problem; a model that solves nothing has no line.

    Args:
        solve_rates_curves: Columns task, model, rate (fraction of correct samples; NaN without samples).
        looks: From `style.assign_looks`.
    """
    from monkeys.reporting import style

    rates = solve_rates_curves.dropna(subset="rate").sort_values("rate", kind="stable")
    by_pair = rates.groupby(["task", "model"])["rate"]
    rates["cover"] = 1 - (by_pair.rank(method="min") - 1) / by_pair.transform("size")
    tasks = solve_rates_curves["task"].unique()
    figure, axes = style.panels(len(tasks))
    solved = rates[rates["rate"] > 0]
    for panel, task in zip(axes, tasks, strict=True):
        for model, part in solved[solved["task"] == task].groupby("model", sort=False):
            # a step before each rate, since problems at τ itself count
            style.curve(panel, part["rate"], part["cover"], looks[model], model, drawstyle="steps-pre")
    entries = style.legend_entries(looks, solved["model"])
    headings = [(task,) for task in tasks]
    # lines end close to each other, at 0, where there is no room for their names
    return style.arrange(
        figure, headings, "fraction of correct samples, τ", "problems with τ or more", entries, label_ends=False
    )
