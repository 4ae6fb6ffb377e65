"""Coverage of the models of a family against k rescaled by model, a panel per task and family."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.results.coverage_by_family import missing as missing
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style
    from monkeys.reporting.pairs import Pair

CATEGORY = "Power law"
TABLE = (
    "Number of samples k at which each model of a family comes closest to the anchor, the family's largest coverage "
    "with one sample (pass@1), by task and family."
)
FIGURE = (
    "Coverage curves of one family, each shifted along the logarithmic axis so that all meet at the anchor, the "
    "family's largest pass@1: k is divided by kₘ, the number of samples at which model m reaches it (Brown et al. "
    "2024, Fig. 6)."
)


def settings(study: Study) -> dict[str, object]:
    return {"families": pairs.families(study)}


def tabulate(tallies: "dict[Pair, pd.DataFrame]", families: Mapping[str, str]) -> "pd.DataFrame":
    """Number of samples each model of a family needs to match the best pass@1 in the family."""
    from monkeys.analysis.similarity import shifts
    from monkeys.analysis.tables import concat_with_keys

    groups: dict[Pair, dict[str, pd.DataFrame]] = {}
    for (task, model), tally in tallies.items():
        if model in families:
            groups.setdefault((task, families[model]), {})[model] = tally
    shifts_of_groups = {group: shifts(members) for group, members in groups.items() if len(members) > 1}
    return concat_with_keys(shifts_of_groups, names=("task", "family"))


def draw(
    coverage_curves: "pd.DataFrame", curve_similarity_table: "pd.DataFrame", looks: "Mapping[str, style.Look]"
) -> "Figure":
    """Curves of a family, shifted along log k so that they meet at the anchor (Brown et al. 2024, Fig. 6).

    Args:
        coverage_curves: Columns task, model, k, coverage.
        curve_similarity_table: Columns task, family, model, anchor (the largest pass@1 of the family), k (at which
            the model reaches it; NaN if the model has no correct sample). Models with NaN, and families with fewer
            than two other models, are left out.
        looks: From `style.assign_looks`.
    """
    from matplotlib.lines import Line2D

    from monkeys.reporting import style

    usable = curve_similarity_table.dropna(subset="k")
    parts = [part for part in usable.groupby(["task", "family"], sort=False) if part[1]["model"].nunique() > 1]
    by_pair = dict(list(coverage_curves.groupby(["task", "model"])))
    guide: style.Properties = {"color": style.GREY, "linewidth": 0.7, "linestyle": (0, (1, 1.5))}
    figure, axes = style.panels(len(parts))
    for panel, (_, part) in zip(axes, parts, strict=True):
        for shift in part.itertuples():
            curve = by_pair[shift.task, shift.model]
            style.curve(panel, curve["k"] / shift.k, curve["coverage"], looks[shift.model], shift.model)
        panel.axvline(1, label="_unit", **guide)
        panel.axhline(part["anchor"].iloc[0], label="_anchor", **guide)
    return style.arrange(
        figure,
        [heading for heading, _ in parts],
        "samples per problem, k / kₘ",
        style.COVERAGE,
        [
            *style.legend_entries(looks, [model for _, part in parts for model in part["model"]]),
            Line2D([], [], label="largest pass@1 in the family, reached at k = kₘ", **guide),
        ],
        empty="no family has two models with a correct sample on a task",
    )
