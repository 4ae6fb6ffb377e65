"""Coverage of the models of a family against samples in units of each model's own, a panel per task and family."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
    "By task and family: the anchor, which is the largest coverage with one sample in the family, and the number "
    "of samples k with which each model comes closest to it."
)
FIGURE = (
    "The curves of one family, each moved along the logarithmic axis to where it reaches what the family's best "
    "model reaches with one sample (Brown et al. 2024, Fig. 6)."
)


def settings(study: Study) -> dict[str, Any]:
    return {"families": pairs.families(study)}


def tabulate(tallies: "dict[Pair, pd.DataFrame]", families: Mapping[str, str]) -> "pd.DataFrame":
    """How many samples each model of a family needs for what its best model reaches with one."""
    from monkeys.analysis.similarity import shifts
    from monkeys.analysis.tables import stacked

    groups: dict[Pair, dict[str, pd.DataFrame]] = {}
    for (task, model), tally in tallies.items():
        if model in families:
            groups.setdefault((task, families[model]), {})[model] = tally
    relatives = {group: shifts(members) for group, members in groups.items() if len(members) > 1}
    return stacked(relatives, names=("task", "family"))


def draw(
    coverage_curves: "pd.DataFrame", curve_similarity_table: "pd.DataFrame", looks: "Mapping[str, style.Look]"
) -> "Figure":
    """Curves of a family, moved along the logarithm of k so that they meet (Brown et al. 2024, Fig. 6).

    Args:
        coverage_curves: Columns task, model, k, coverage.
        curve_similarity_table: Columns task, family, model, anchor (the largest pass@1 of the family), k (with which
            the model gets there; NaN if it has no correct sample and is left out). Families with one such model are
            left out.
        looks: From `style.colours`.
    """
    from matplotlib.lines import Line2D

    from monkeys.reporting import style

    usable = curve_similarity_table.dropna(subset="k")
    parts = [part for part in usable.groupby(["task", "family"], sort=False) if part[1]["model"].nunique() > 1]
    by_pair = dict(list(coverage_curves.groupby(["task", "model"])))
    meeting: dict[str, Any] = {"color": style.GREY, "linewidth": 0.7, "linestyle": (0, (1, 1.5))}
    figure, axes = style.panels(len(parts))
    for panel, (_, part) in zip(axes, parts, strict=True):
        for shift in part.itertuples():
            curve = by_pair[shift.task, shift.model]
            style.curve(panel, curve["k"] / shift.k, curve["coverage"], looks[shift.model], shift.model)
        panel.axvline(1, label="_unit", **meeting)
        panel.axhline(part["anchor"].iloc[0], label="_anchor", **meeting)
    return style.arrange(
        figure,
        [heading for heading, _ in parts],
        "samples per problem, k / kₘ",
        style.COVERAGE,
        [
            *style.key(looks, [model for _, part in parts for model in part["model"]]),
            Line2D([], [], label="largest pass@1 in the family, reached at kₘ", **meeting),
        ],
        empty="no family has two models with a correct sample on a task",
    )
