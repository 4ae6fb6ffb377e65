"""Coverage against the price of the samples, a panel per task and a line per model, with the Pareto front."""

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
    from monkeys.reporting import style

    return style.coverage_against("dollars", "US dollars per problem", cost_effectiveness_curves, looks, front=True)
