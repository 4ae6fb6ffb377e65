"""How often each problem is solved, and whether a majority vote gets it right; a panel per task and model."""

from typing import TYPE_CHECKING, Any

from monkeys.reporting.captions import samples_of_tasks
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting.pairs import Pair

CATEGORY = "Solve rates"


def FIGURE(study: Study) -> str:
    return (
        "The fraction of correct samples of every problem, sorted, coloured by whether the majority vote over all "
        f"samples is right (Brown et al. 2024, Fig. 8). {samples_of_tasks(study)}"
    )


def settings(study: Study) -> dict[str, Any]:
    return {"confidence": study.analysis.confidence}


def compute(tallies: "dict[Pair, pd.DataFrame]", confidence: float) -> "pd.DataFrame":
    """The solve rate of every problem with its interval."""
    from monkeys.analysis.solve_rates import solve_rates
    from monkeys.analysis.tables import stacked

    return stacked({pair: solve_rates(tally, confidence) for pair, tally in tallies.items()})


def draw(solve_rates_curves: "pd.DataFrame", votes: "pd.DataFrame | None") -> "Figure":
    """A bar per problem, sorted, with its interval (Brown et al. 2024, Fig. 8).

    Args:
        solve_rates_curves: Columns task, model, problem_id, rate (share of correct samples; NaN, and left out, without
            samples), low, high (ends of its interval).
        votes: Columns task, model, problem_id, majority (how correct the most frequent answer is; NaN if there is no
            vote on this task); None if there are no votes at all.
    """
    import numpy as np
    from matplotlib.patches import Patch
    from matplotlib.ticker import MaxNLocator

    from monkeys.reporting import style

    looks = {
        "majority vote right": style.mixed(style.GREEN, "white", 0.4),
        "majority vote wrong": style.VERMILLION,
        "no vote on this task": style.SKY,
    }
    never, below = style.BLACK, -0.03  # depth of the mark below a problem that has no correct sample
    keys = ["task", "model", "problem_id"]
    rates = solve_rates_curves.assign(majority=np.nan)
    if votes is not None:
        rates = solve_rates_curves.merge(votes, on=keys, how="left")
    right, wrong, unknown = looks
    rates = rates.dropna(subset="rate")
    majority = rates["majority"].astype(float)
    rates = rates.assign(vote=np.select([majority >= 0.5, majority < 0.5], [right, wrong], unknown))
    pairs = list(rates.groupby(["task", "model"], sort=False))
    figure, axes = style.panels(len(pairs))
    headings = []
    for panel, (pair, part) in zip(axes, pairs, strict=True):
        part = part.sort_values(["rate", "problem_id"], kind="stable")
        rate = part["rate"].to_numpy()
        for vote, colour in looks.items():
            panel.stairs(np.where(part["vote"] == vote, rate, 0), fill=True, color=colour, label=vote)
        middles = np.arange(len(part)) + 0.5
        panel.vlines(middles, part["low"], part["high"], color="#333333", linewidth=min(0.7, 25 / len(part)))
        panel.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        panel.stairs(np.where(rate == 0, below, 0), fill=True, color=never)
        headings.append((*pair, f"{100 * np.mean(rate <= 0.01):.0f} % of problems ≤ 1 % right"))
    voted = (rates["vote"] != unknown).any()  # without, one colour needs no name
    entries = [
        Patch(color=colour, label=vote) for vote, colour in looks.items() if voted and (rates["vote"] == vote).any()
    ]
    if (rates["rate"] == 0).any():
        entries.append(Patch(color=never, label="no correct sample"))
    return style.arrange(
        figure,
        headings,
        "problems, hardest first",
        "share of correct samples",
        entries,
        columns=4,
        direct=False,
    )
