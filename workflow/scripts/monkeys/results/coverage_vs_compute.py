"""Coverage against the compute that the samples took, a panel per task and a line per model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style

CATEGORY = "Cost"
FIGURE = (
    "Coverage against the mean inference FLOPs per problem: the prompt once, every sample as long as the model's "
    "samples are on average (Brown et al. 2024, section 2.3 and Fig. 4)."
)


def missing(study: Study) -> str | None:
    return (
        None
        if pairs.with_flops(study)
        else "no samples with counted tokens, of models of known size (models.*.facts); published samples and outcomes "
        "tell no tokens"
    )


def draw(cost_effectiveness_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]") -> "Figure":
    """Which model gets further for the same compute (Brown et al. 2024, Fig. 4).

    Args:
        cost_effectiveness_curves: Columns task, model, k, flops (per problem, for k samples), coverage.
        looks: From `style.colours`.
    """
    from monkeys.reporting import style

    curves = cost_effectiveness_curves.dropna(subset="flops")
    tasks = curves["task"].unique()
    figure, axes = style.panels(len(tasks))
    for panel, task in zip(axes, tasks, strict=True):
        style.curves(panel, curves[curves["task"] == task], "flops", looks)
    entries = style.key(looks, curves["model"])
    return style.arrange(figure, [(task,) for task in tasks], "inference FLOPs per problem", style.COVERAGE, entries)
