"""Coverage of the models of one family, a panel per task and family."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style

CATEGORY = "Coverage"
FIGURE = (
    "Coverage by model family, one panel per task and family; bands as in the figure of all models (Brown et al. "
    "2024, Fig. 3)."
)


def missing(study: Study) -> str | None:
    return None if pairs.families_on_tasks(study) else "no task with two models of one family (models.*.family)"


def settings(study: Study) -> dict[str, object]:
    return {"families": pairs.families(study)}


def draw(coverage_curves: "pd.DataFrame", families: Mapping[str, str], looks: "Mapping[str, style.Look]") -> "Figure":
    """Curves with intervals, for families with at least two models on a task (Brown et al. 2024, Fig. 3).

    Args:
        coverage_curves: Columns task, model, k, coverage, low, high.
        families: Family of each model; models without one are left out.
        looks: From `style.assign_looks`.
    """
    import pandas as pd

    from monkeys.reporting import style

    family = coverage_curves["model"].map(dict(families))
    parts = [part for part in coverage_curves.groupby(["task", family], sort=False) if part[1]["model"].nunique() > 1]
    drawn = pd.concat([coverage_curves.iloc[:0], *(part for _, part in parts)])
    figure, axes = style.panels(len(parts))
    for panel, (_, part) in zip(axes, parts, strict=True):
        style.curves_of_k(panel, part, looks)
    return style.arrange(
        figure,
        [heading for heading, _ in parts],
        style.SAMPLES,
        style.COVERAGE,
        style.legend_entries(looks, drawn["model"], style.single_sample_models(drawn)),
        empty="no family has two models on a task",
    )
