"""Coverage, pass@k: the share of problems that at least one of k samples solves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from monkeys.reporting.captions import samples_of_tasks
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style
    from monkeys.reporting.pairs import Pair

CATEGORY = "Coverage"
TABLE = "Coverage at round numbers of samples and at the largest one, with the limits of its interval over problems."


def FIGURE(study: Study) -> str:
    analysis = study.analysis
    return (
        "Coverage against the number of samples per problem, a panel per task. Unbiased estimate from all samples "
        f"(Chen et al. 2021, eq. 1); the band holds {100 * analysis.confidence:g} % of "
        f"{analysis.bootstrap_resamples} bootstrap resamples of the problems. {samples_of_tasks(study)}"
    )


def settings(study: Study) -> dict[str, Any]:
    """How intervals over problems are drawn."""
    analysis = study.analysis
    return {
        "bootstrap": {
            "draws": analysis.bootstrap_resamples,
            "confidence": analysis.confidence,
            "seed": study.seed,
        }
    }


def compute(tallies: "dict[Pair, pd.DataFrame]", bootstrap: dict[str, Any]) -> "pd.DataFrame":
    """Coverage at log-spaced and round k, with its interval; columns task, model, k, coverage, low, high."""
    from monkeys.analysis.coverage import coverage_curve, curve_ks
    from monkeys.analysis.tables import stacked

    return stacked({pair: coverage_curve(tally, curve_ks(tally), **bootstrap) for pair, tally in tallies.items()})


def tabulate(coverage_curves: "pd.DataFrame") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """The curves at round k; people see a row per task and model."""
    from monkeys.analysis.tables import at_round_ks, headline

    table = at_round_ks(coverage_curves)
    return table, headline(table)


def draw(coverage_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]") -> "Figure":
    """Curves with their intervals, and a dashed line for a model with one sample (Brown et al. 2024, Fig. 2).

    Args:
        coverage_curves: Columns task, model, k, coverage, low, high.
        looks: From `style.colours`.
    """
    from monkeys.reporting import style

    tasks = coverage_curves["task"].unique()
    figure, axes = style.panels(len(tasks))
    for panel, task in zip(axes, tasks, strict=True):
        style.curves_of_k(panel, coverage_curves[coverage_curves["task"] == task], looks)
    entries = style.key(looks, coverage_curves["model"], style.with_one_sample(coverage_curves))
    return style.arrange(figure, [(task,) for task in tasks], style.SAMPLES, style.COVERAGE, entries)
