"""Coverage of guessing: the most frequent answers of a training split, tried one after the other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style

GUESSING = "guessing"
"""Name of the baseline in the column model."""

CATEGORY = "Coverage"
TABLE = (
    "Coverage of guessing without a model: the fraction of problems whose answer is among the k most frequent answers "
    "of the task's training split (Yona et al. 2024)."
)
FIGURE = (
    "Coverage of models, and of guessing the most frequent answers of the task's training split one after the other "
    "(black, dashed; Yona et al. 2024). Where a model is no better than that, its samples show nothing of reasoning."
)


def missing(study: Study) -> str | None:
    return None if pairs.tasks_with_guesses(study) else "no task with a training split to guess from (tasks.*.guesses)"


def compute(guesses: "pd.DataFrame", coverage_curves: "pd.DataFrame") -> "pd.DataFrame":
    """Coverage of guessing at the k of all models on the same task; columns task, model (guessing), k, coverage.

    Args:
        guesses: Columns task, problem_id, rank (empty if no guess is right).
        coverage_curves: Columns task, k.
    """
    import pandas as pd

    tables = []
    for task, ranks in guesses.groupby("task", sort=False):
        ks = sorted(coverage_curves.loc[coverage_curves["task"] == task, "k"].unique())
        coverage = [(ranks["rank"] <= k).mean() for k in ks]
        tables.append(pd.DataFrame({"task": task, "model": GUESSING, "k": ks, "coverage": coverage}))
    return pd.concat(tables, ignore_index=True)


def tabulate(guessing_curves: "pd.DataFrame") -> "pd.DataFrame":
    """Coverage of guessing at round k."""
    from monkeys.analysis.tables import at_round_ks

    return at_round_ks(guessing_curves)


def draw(
    guessing_curves: "pd.DataFrame", coverage_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]"
) -> "Figure":
    """Coverage of models and of guessing, one panel per task.

    Args:
        guessing_curves: Columns task, model, k, coverage.
        coverage_curves: Columns task, model, k, coverage, low, high.
        looks: From `style.assign_looks`.
    """
    from monkeys.reporting import style

    guess = style.Look(style.BLACK, style.DASHES[1], marker="^")
    tasks = guessing_curves["task"].unique()
    figure, axes = style.panels(len(tasks))
    shown = coverage_curves[coverage_curves["task"].isin(tasks)]
    for panel, task in zip(axes, tasks, strict=True):
        style.curves_of_k(panel, shown[shown["task"] == task], looks)
        curve = guessing_curves[guessing_curves["task"] == task]
        style.curve(panel, curve["k"], curve["coverage"], guess, GUESSING)
    entries = style.legend_entries({**looks, GUESSING: guess}, [*shown["model"].unique(), GUESSING])
    return style.arrange(figure, [(task,) for task in tasks], style.SAMPLES, style.COVERAGE, entries)
