"""Majority votes that stop sampling once they seem decided, compared with votes of a fixed number of samples."""

from typing import TYPE_CHECKING

from monkeys.analysis import REPLAYED
from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CATEGORY = "Selection"
TABLE = (
    "Majority votes that stop early, by rule and threshold: mean number of samples, accuracy with its standard "
    "deviation over random orders of the samples, and the accuracy of a vote of as many samples for every problem, "
    "under majority."
)


def FIGURE(study: Study) -> str:
    return (
        "Accuracy of majority votes that stop early against the mean number of samples, a point per threshold, next to "
        "votes of a fixed number of samples. A rule above that line uses its samples better. Means over "
        f"{study.analysis.vote_subsets} random orders of up to {REPLAYED} samples per problem; bands are ± one "
        "standard deviation over orders."
    )


def missing(study: Study) -> str | None:
    return None if pairs.with_votes(study) else "no samples with answers to vote on"


def tabulate(stopping: "pd.DataFrame") -> "pd.DataFrame":
    """A row per task, model, rule and threshold."""
    return stopping


def draw(early_stopping_table: "pd.DataFrame") -> "Figure":
    """A panel per task and model, and a line per rule through its thresholds.

    Args:
        early_stopping_table: Columns task, model, rule, threshold, samples (mean per problem), accuracy, sd.
    """
    from monkeys.reporting import style

    rules = {
        "majority": ("fixed number of samples", style.Look(style.BLACK)),
        "adaptive_consistency": ("adaptive consistency", style.Look(style.BLUE, marker="o")),
        "esc": ("ESC", style.Look(style.GREEN, marker="s")),
        "bayesian": ("Bayesian, known spread", style.Look(style.PURPLE, marker="^")),
        "bayes_factor": ("Bayes factor", style.Look(style.VERMILLION, marker="D")),
    }
    groups = list(early_stopping_table.groupby(["task", "model"], sort=False))
    figure, axes = style.panels(len(groups))
    for panel, (_, rows) in zip(axes, groups, strict=True):
        panel.set_xscale("log", nonpositive="mask")
        for rule, (name, look) in rules.items():
            line = rows[rows["rule"] == rule].sort_values("samples")
            low, high = line["accuracy"] - line["sd"], line["accuracy"] + line["sd"]
            panel.fill_between(line["samples"], low, high, color=look.colour, alpha=0.12, linewidth=0)
            panel.plot(line["samples"], line["accuracy"], label=name, **look.properties())
    looks = dict(rules.values())
    return style.arrange(
        figure,
        [pair for pair, _ in groups],
        "samples per problem, mean",
        "fraction of problems solved",
        style.legend_entries(looks, looks),
        columns=4,
        label_ends=False,
    )
