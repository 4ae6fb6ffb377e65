"""Coverage against the inference compute of the samples, a panel per task and a line per model."""

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
    "Coverage against mean inference FLOPs per problem, counting the prompt once and every sample at the mean length "
    "of the model's samples on that problem (Brown et al. 2024, section 2.3 and Fig. 4)."
)


def missing(study: Study) -> str | None:
    return (
        None
        if pairs.with_flops(study)
        else "no model of known size (models.*.facts) whose samples have token counts; published samples and outcomes "
        "have none"
    )


def draw(cost_effectiveness_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]") -> "Figure":
    """Coverage of each model for the same compute (Brown et al. 2024, Fig. 4).

    Args:
        cost_effectiveness_curves: Columns task, model, k, flops (per problem, for k samples), coverage.
        looks: From `style.assign_looks`.
    """
    from monkeys.reporting import style

    return style.coverage_against("flops", "inference FLOPs per problem", cost_effectiveness_curves, looks)
