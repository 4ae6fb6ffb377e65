"""How often the answer that a selector picks is right, below what an oracle would reach; a panel per task and model."""

import pandas as pd
from matplotlib.figure import Figure

from monkeys.figures import style

SELECTORS = {
    "majority": ("majority vote", style.BLUE, "o"),
    "best_of_n": ("best of N", style.VERMILLION, "s"),
    "weighted_majority": ("weighted majority", style.GREEN, "D"),
}
"""Name, colour and marker of each; rewards differ by dashes."""
ORACLE = "coverage (oracle)"


def draw(selection: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """Accuracy with a band of one standard deviation over subsets, and coverage (Brown et al. 2024, Fig. 7).

    Args:
        selection: Columns task, model, selector ("majority", "best_of_n" or "weighted_majority"), reward (name of the
            reward that the latter two go by; NaN or empty for the first), k, accuracy, sd.
        curves: Columns task, model, k, coverage.
    """
    selection = selection.assign(reward=selection["reward"].astype(object).where(selection["reward"].notna(), ""))
    rewards = [reward for reward in selection["reward"].unique() if reward]
    looks = {ORACLE: style.Look(style.BLACK, marker="^")}
    by_pair = dict(list(curves.groupby(["task", "model"])))
    pairs = list(selection.groupby(["task", "model"], sort=False))
    figure, axes = style.panels(len(pairs))
    for panel, (pair, picked) in zip(axes, pairs, strict=True):
        oracle = by_pair[pair]
        style.curve(panel, oracle["k"], oracle["coverage"], looks[ORACLE], ORACLE)
        for (selector, reward), curve in picked.groupby(["selector", "reward"], sort=False):
            name, colour, marker = SELECTORS[selector]
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
        "share solved",
        style.key(looks, looks),
        columns=4,
        direct=False,
    )
