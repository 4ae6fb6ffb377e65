"""Accuracy of choosing one of k samples without seeing verdicts, compared with an oracle (coverage)."""

from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.reporting.captions import samples_per_problem
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CATEGORY = "Selection"
TABLE = "Accuracy of choosing one of k samples by votes and rewards, with its standard deviation over random subsets."


def FIGURE(study: Study) -> str:
    return (
        "Accuracy of choosing one of k samples without seeing verdicts: by majority vote, the highest reward (best of "
        "N), or the largest sum of rewards over equal answers (weighted majority). Coverage is the accuracy of a "
        f"perfect choice. Votes are averaged over {study.analysis.vote_subsets} random subsets of k samples, "
        "best of N over all subsets; bands are ± one standard deviation over subsets (Brown et al. 2024, Fig. 7). "
        f"{samples_per_problem(study)}"
    )


def missing(study: Study) -> str | None:
    found = pairs.with_selectors(study)
    return None if found else "no samples with answers to vote on or with rewards (rewards)"


def tabulate(choices: "pd.DataFrame") -> "pd.DataFrame":
    """Accuracy of every selector at round k."""
    from monkeys.analysis.tables import at_round_ks

    return at_round_ks(choices)


def draw(choices: "pd.DataFrame", coverage_curves: "pd.DataFrame") -> "Figure":
    """Accuracy with a band of one standard deviation over subsets, and coverage (Brown et al. 2024, Fig. 7).

    Args:
        choices: Columns task, model, selector ("majority", "best_of_n" or "weighted_majority"), reward (name of the
            reward that the latter two use; NaN or empty for the first), k, accuracy, sd.
        coverage_curves: Columns task, model, k, coverage.
    """
    from monkeys.reporting import style

    selectors = {
        "majority": ("majority vote", style.BLUE, "o"),
        "best_of_n": ("best of N", style.VERMILLION, "s"),
        "weighted_majority": ("weighted majority", style.GREEN, "D"),
    }
    oracle_name = "coverage (oracle)"
    selection = choices.assign(reward=choices["reward"].astype(object).where(choices["reward"].notna(), ""))
    rewards = [reward for reward in selection["reward"].unique() if reward]
    looks = {oracle_name: style.Look(style.BLACK, marker="^")}
    by_pair = dict(list(coverage_curves.groupby(["task", "model"])))
    pairs = list(selection.groupby(["task", "model"], sort=False))
    figure, axes = style.panels(len(pairs))
    for panel, (pair, accuracies) in zip(axes, pairs, strict=True):
        oracle = by_pair[pair]
        style.curve(panel, oracle["k"], oracle["coverage"], looks[oracle_name], oracle_name)
        for (selector, reward), curve in accuracies.groupby(["selector", "reward"], sort=False):
            name, colour, marker = selectors[selector]
            dashes = style.DASHES[rewards.index(reward) % len(style.DASHES)] if reward else ()
            name = f"{name}, {reward}" if reward else name
            looks[name] = style.Look(colour, dashes, marker)
            low, high = curve["accuracy"] - curve["sd"], curve["accuracy"] + curve["sd"]
            panel.fill_between(curve["k"], low, high, color=colour, alpha=0.15, linewidth=0)
            style.curve(panel, curve["k"], curve["accuracy"], looks[name], name)
    return style.arrange(
        figure,
        [pair for pair, _ in pairs],
        style.SAMPLES,
        "fraction of problems solved",
        style.legend_entries(looks, looks),
        columns=4,
        label_ends=False,
    )
