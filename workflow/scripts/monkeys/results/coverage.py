"""Coverage (pass@k): the expected fraction of problems that at least one of k samples solves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.reporting.captions import interval, samples_per_problem
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.analysis.intervals import Intervals
    from monkeys.reporting import style
    from monkeys.reporting.pairs import Pair

CATEGORY = "Coverage"


def TABLE(study: Study) -> str:
    return f"Coverage at round numbers of samples k and at the largest k. {interval(study, 'Low and high')}".rstrip()


def FIGURE(study: Study) -> str:
    return (
        "Coverage against the number of samples per problem, one panel per task. Unbiased estimate from all samples "
        f"(Chen et al. 2021, eq. 1). {interval(study, 'Bands')} {samples_per_problem(study)}"
    )


def settings(study: Study) -> dict[str, object]:
    """Settings of the intervals."""
    analysis = study.analysis
    return {
        "intervals": {
            "over": analysis.intervals,
            "draws": analysis.bootstrap_resamples,
            "confidence": analysis.confidence,
            "seed": study.seed,
        }
    }


def compute(tallies: "dict[Pair, pd.DataFrame]", intervals: "Intervals") -> "pd.DataFrame":
    """Coverage and its interval at log-spaced and round k; columns task, model, k, coverage, low, high."""
    from monkeys.analysis.coverage import curve_ks
    from monkeys.analysis.intervals import coverage_curve
    from monkeys.analysis.tables import concat_with_keys

    curves = {pair: coverage_curve(tally, curve_ks(tally), **intervals) for pair, tally in tallies.items()}
    return concat_with_keys(curves)


def tabulate(coverage_curves: "pd.DataFrame") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """The curves at round k; the Markdown has one row per task and model."""
    from monkeys.analysis.tables import at_round_ks, headline

    table = at_round_ks(coverage_curves)
    return table, headline(table)


def draw(coverage_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]") -> "Figure":
    """Curves with intervals; a model with one sample is a dashed line (Brown et al. 2024, Fig. 2).

    Args:
        coverage_curves: Columns task, model, k, coverage, low, high.
        looks: From `style.assign_looks`.
    """
    from monkeys.reporting import style

    tasks = coverage_curves["task"].unique()
    figure, axes = style.panels(len(tasks))
    for panel, task in zip(axes, tasks, strict=True):
        style.curves_of_k(panel, coverage_curves[coverage_curves["task"] == task], looks)
    entries = style.legend_entries(looks, coverage_curves["model"], style.single_sample_models(coverage_curves))
    return style.arrange(figure, [(task,) for task in tasks], style.SAMPLES, style.COVERAGE, entries)
