"""Models compared with each other at equal samples, tokens, FLOPs and dollars: the difference in coverage, tested."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.results import cost_effectiveness
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.analysis.cost import Architecture
    from monkeys.reporting import style
    from monkeys.reporting.pairs import Pair

CATEGORY = "Coverage"
TABLE = (
    "Difference in coverage between two models on the problems of a task, at one sample each and at the largest number "
    "of samples k, generated tokens, FLOPs and dollars per problem that both have samples for. Interval and p-value "
    "are those of a t-test paired over problems; Holm's correction is for the number of comparisons on the task."
)

PANELS = {"one": "one sample each", "k": "equal samples", "tokens": "equal tokens"}
PANELS |= {"flops": "equal FLOPs", "dollars": "equal dollars"}
"""Heading of the panels by what is equal."""

MAX_WRITTEN = 5
"""Largest number of models for which cells hold their number."""


def FIGURE(study: Study) -> str:
    level = 100 * (1 - study.analysis.confidence)
    return (
        "Coverage of the model of the row minus that of the model of the column, at one sample each and at the largest "
        "number of samples, generated tokens, FLOPs and dollars per problem that both have samples for. Stars mark "
        f"differences that a t-test paired over problems finds significant at {level:.4g} % after Holm's correction "
        "for all comparisons on the task."
    )


def missing(study: Study) -> str | None:
    tasks = [task for task, _ in study.pairs()]
    return None if len(tasks) > len(set(tasks)) else "no task with two models"


def settings(study: Study) -> dict[str, object]:
    """Confidence level, and what costs depend on."""
    return {"confidence": study.analysis.confidence, **cost_effectiveness.settings(study)}


def tabulate(
    tallies: "dict[Pair, pd.DataFrame]",
    facts: "Mapping[str, Architecture]",
    prices: list[tuple[str, str, dict[str, float | None]]],
    several_calls: "list[Pair]",
    confidence: float,
) -> "pd.DataFrame":
    """A row per task, pair of models and budget."""
    from monkeys.analysis.comparison import compare
    from monkeys.analysis.spending import unit_costs
    from monkeys.analysis.tables import concat_with_keys

    price_of = {(task, model): price for task, model, price in prices}
    calls = {(task, model) for task, model in several_calls}
    by_task: dict[str, dict[str, pd.DataFrame]] = {}
    for (task, model), tally in tallies.items():
        by_task.setdefault(task, {})[model] = tally
    tables = {
        task: compare(
            members,
            lambda model, tally, task=task: unit_costs((task, model), tally, facts, price_of, calls),  # type: ignore[misc]
            confidence,
        )
        for task, members in by_task.items()
    }
    compared = {task: table for task, table in tables.items() if not table.empty}
    return concat_with_keys(compared or {"": compare({}, lambda *_: {}, confidence)}, names=("task",))


def draw(comparison_table: "pd.DataFrame", confidence: float, looks: "Mapping[str, style.Look]") -> "Figure":
    """A matrix of models per task and kind of budget.

    Args:
        comparison_table: Columns task, model_a, model_b, at, budget, difference (NaN without a common budget),
            p_corrected.
        confidence: 1 − level of significance.
        looks: From `style.assign_looks`; the order of the models.
    """
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from monkeys.reporting import style

    one_each = (comparison_table["at"] == "k") & (comparison_table["budget"] == 1)
    table = comparison_table.assign(panel=comparison_table["at"].mask(one_each, "one"))
    known = set(table["model_a"]) | set(table["model_b"])
    numbers = {model: number for number, model in enumerate((name for name in looks if name in known), 1)}
    largest = table["difference"].abs().max()
    largest = largest if largest > 0 else 1.0
    colours = LinearSegmentedColormap.from_list("", [style.VERMILLION, "white", style.BLUE], bad="#E4E4E4")
    groups = [
        (task, panel, rows[rows["panel"] == panel])
        for task, rows in table.groupby("task", sort=False)
        for panel in PANELS
        if (rows["panel"] == panel).any()
    ]
    figure, axes = style.panels(len(groups))
    members = []
    for panel, (task, _, rows) in zip(axes, groups, strict=True):
        of_task = table[table["task"] == task]
        models = [name for name in numbers if name in {*of_task["model_a"], *of_task["model_b"]}]
        members.append([str(numbers[name]) for name in models])
        difference = np.full((len(models), len(models)), np.nan)
        significant = np.zeros_like(difference, dtype=bool)
        for row in rows.itertuples():
            a, b = models.index(row.model_a), models.index(row.model_b)
            difference[a, b], difference[b, a] = row.difference, -row.difference
            significant[a, b] = significant[b, a] = row.p_corrected < 1 - confidence
        edges = np.linspace(0, 1, len(models) + 1)
        middles = (edges[1:] + edges[:-1]) / 2
        panel.pcolormesh(edges, edges[::-1], difference, cmap=colours, vmin=-largest, vmax=largest)
        if len(models) <= MAX_WRITTEN:
            for (i, j), value in np.ndenumerate(difference):
                if not np.isnan(value):
                    text = f"{round(value, 2) + 0:+.2f}".replace("-", "−") + ("*" if significant[i, j] else "")
                    white = abs(value) > 0.7 * largest
                    colour = "white" if white else style.BLACK
                    panel.text(float(middles[j]), float(middles[-1 - i]), text, ha="center", va="center", color=colour)
        else:
            row_numbers, column_numbers = np.nonzero(significant)
            marks = middles[column_numbers], middles[-1 - row_numbers]
            panel.scatter(*marks, marker="*", s=8, color=style.BLACK, linewidth=0)
    entries = [
        Patch(color=style.BLUE, label=f"row better by {largest:.2f}"),
        Patch(color=style.VERMILLION, label=f"column better by {largest:.2f}"),
        Line2D([], [], linestyle="none", marker="*", color=style.BLACK, label="significant"),
        *(Line2D([], [], linestyle="none", label=f"{number}: {model}") for model, number in numbers.items()),
    ]
    headings = [(task, PANELS[panel]) for task, panel, _ in groups]
    empty = "no task has two models"
    style.arrange(figure, headings, "model of the column", "model of the row", entries, label_ends=False, empty=empty)
    for panel, names in zip(axes, members, strict=True):
        every = -(-len(names) // 10)  # at most ten numbers fit
        middles = (np.arange(len(names)) + 0.5) / len(names)
        panel.set(xlim=(0, 1), ylim=(0, 1), xticks=middles[::every], yticks=middles[::-1][::every])
        panel.set_xticklabels(names[::every])
        panel.set_yticklabels(names[::every])
        panel.tick_params(length=0, labelleft=True)
        panel.grid(visible=False)
    return figure
