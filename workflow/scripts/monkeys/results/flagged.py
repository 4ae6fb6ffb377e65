"""Coverage with and without problems whose verdicts are known to be unreliable, a panel per task."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style
    from monkeys.reporting.pairs import Pair

CATEGORY = "Flagged problems"
TABLE = "Coverage with and without the flagged problems, and the number of problems in each case."
FIGURE = (
    "Coverage with and without the problems that the study's config flags as flaky or as rejecting correct answers "
    "(Brown et al. 2024, Fig. 9)."
)


def missing(study: Study) -> str | None:
    return None if pairs.flagged(study) else "no problems are flagged (tasks.*.flagged)"


def settings(study: Study) -> dict[str, object]:
    """Flagged problems by task, and the tasks whose flagged ids were checked against their dataset."""
    flagged = pairs.flagged(study)
    return {"flagged": flagged, "with_dataset": [task for task in flagged if study.tasks[task].dataset]}


def compute(
    tallies: "dict[Pair, pd.DataFrame]", flagged: Mapping[str, Sequence[str]], with_dataset: Sequence[str]
) -> "pd.DataFrame":
    """Coverage with and without the flagged problems of each task.

    Raises:
        ValueError: a flagged problem of a task without a dataset is in none of its tallies.
    """
    from monkeys.analysis.coverage import curve_ks
    from monkeys.analysis.exclusions import coverage_with_and_without
    from monkeys.analysis.tables import concat_with_keys

    curves = {}
    for task, ids in flagged.items():
        measured = {model: tally for (of, model), tally in tallies.items() if of == task}
        measured_ids: set[str] = set().union(*(tally["problem_id"] for tally in measured.values()))
        if task not in with_dataset and (unknown := sorted(set(ids) - measured_ids)):
            raise ValueError(f"tasks.{task}.flagged: no results for problem {', '.join(unknown)}; correct the ids")
        for model, tally in measured.items():
            dropped = set(ids) & set(tally["problem_id"])
            curves[task, model] = coverage_with_and_without(tally, dropped, curve_ks(tally))
    return concat_with_keys(curves)


def tabulate(flagged_curves: "pd.DataFrame") -> "pd.DataFrame":
    """The curves at round k."""
    from monkeys.analysis.tables import at_round_ks

    return at_round_ks(flagged_curves)


def draw(flagged_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]") -> "Figure":
    """Curves with and without the flagged problems (Brown et al. 2024, Fig. 9).

    Args:
        flagged_curves: Columns task, model, k, coverage_all, coverage_kept (without the flagged ones), problems_all,
            problems_kept.
        looks: From `style.assign_looks`.
    """
    from matplotlib.lines import Line2D

    from monkeys.reporting import style

    kept_style: style.Properties = {"linestyle": (0, (3, 2)), "marker": ""}
    by_model = looks
    looks = {model: look._replace(dashes=()) for model, look in by_model.items()}  # dashes mark the kept problems here
    tasks = list(flagged_curves.groupby("task", sort=False))
    figure, axes = style.panels(len(tasks))
    headings = []
    for panel, (task, of_task) in zip(axes, tasks, strict=True):
        for model, curve in of_task.groupby("model", sort=False):
            style.curve(panel, curve["k"], curve["coverage_all"], looks[model], model)
            style.curve(panel, curve["k"], curve["coverage_kept"], looks[model], f"_{model}", **kept_style)
        kept, of = of_task["problems_kept"].max(), of_task["problems_all"].max()
        headings.append((task, f"{kept} of {of} problems not flagged"))
    entries = [
        *style.legend_entries(looks, flagged_curves["model"]),
        Line2D([], [], color=style.GREY, label="all problems"),
        Line2D([], [], color=style.GREY, label="without flagged problems", **kept_style),
    ]
    return style.arrange(figure, headings, style.SAMPLES, style.COVERAGE, entries)
