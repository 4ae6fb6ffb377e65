"""How often each problem is solved, and whether a majority vote gets it right; a panel per task and model."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from monkeys.figures import style

VOTES = {
    "majority vote right": style.mixed(style.GREEN, "white", 0.4),
    "majority vote wrong": style.VERMILLION,
    "no vote on this task": style.SKY,
}
NEVER = style.BLACK
BELOW = -0.03
"""Depth of the mark below a problem that has no correct sample."""


def draw(rates: pd.DataFrame) -> Figure:
    """A bar per problem, sorted, with its interval (Brown et al. 2024, Fig. 8).

    Args:
        rates: Columns task, model, problem_id, rate (share of correct samples; NaN, and left out, without samples),
            low, high (ends of its interval), majority (how correct the most frequent answer is; NaN if there is no
            vote on this task).
    """
    right, wrong, unknown = VOTES
    rates = rates.dropna(subset="rate")
    majority = rates["majority"].astype(float)
    rates = rates.assign(vote=np.select([majority >= 0.5, majority < 0.5], [right, wrong], unknown))
    pairs = list(rates.groupby(["task", "model"], sort=False))
    figure, axes = style.panels(len(pairs))
    headings = []
    for panel, (pair, part) in zip(axes, pairs, strict=True):
        part = part.sort_values(["rate", "problem_id"], kind="stable")
        rate = part["rate"].to_numpy()
        for vote, colour in VOTES.items():
            panel.stairs(np.where(part["vote"] == vote, rate, 0), fill=True, color=colour, label=vote)
        middles = np.arange(len(part)) + 0.5
        panel.vlines(middles, part["low"], part["high"], color="#333333", linewidth=min(0.7, 25 / len(part)))
        panel.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        panel.stairs(np.where(rate == 0, BELOW, 0), fill=True, color=NEVER)
        headings.append((*pair, f"{100 * np.mean(rate <= 0.01):.0f} % of problems ≤ 1 % right"))
    voted = (rates["vote"] != unknown).any()  # without, one colour needs no name
    entries = [
        Patch(color=colour, label=vote) for vote, colour in VOTES.items() if voted and (rates["vote"] == vote).any()
    ]
    if (rates["rate"] == 0).any():
        entries.append(Patch(color=NEVER, label="no correct sample"))
    return style.arrange(
        figure,
        headings,
        "problems, hardest first",
        "share of correct samples",
        entries,
        columns=4,
        direct=False,
    )
