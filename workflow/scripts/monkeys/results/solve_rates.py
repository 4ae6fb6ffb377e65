"""Solve rate of each problem, and whether the majority vote on it is right; a panel per task and model."""

from typing import TYPE_CHECKING

from monkeys.reporting.captions import samples_per_problem
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting.pairs import Pair

CATEGORY = "Solve rates"


def FIGURE(study: Study) -> str:
    return (
        "Fraction of correct samples per problem (solve rate), sorted, coloured by whether the majority vote over all "
        "samples is right (Brown et al. 2024, Fig. 8). Vertical lines are "
        f"{100 * study.analysis.confidence:g} % Jeffreys intervals. {samples_per_problem(study)}"
    )


def settings(study: Study) -> dict[str, object]:
    return {"confidence": study.analysis.confidence}


def compute(tallies: "dict[Pair, pd.DataFrame]", confidence: float) -> "pd.DataFrame":
    """Solve rate of every problem, with its interval."""
    from monkeys.analysis.solve_rates import solve_rates
    from monkeys.analysis.tables import concat_with_keys

    return concat_with_keys({pair: solve_rates(tally, confidence) for pair, tally in tallies.items()})


def draw(solve_rates_curves: "pd.DataFrame", votes: "pd.DataFrame | None") -> "Figure":
    """A bar per problem, sorted, with its interval (Brown et al. 2024, Fig. 8).

    Args:
        solve_rates_curves: Columns task, model, problem_id, rate (fraction of correct samples; NaN without samples, and
            then left out), low, high (ends of its interval).
        votes: Columns task, model, problem_id, majority (correctness of the most frequent answer; NaN without votes on
            this task); None without any votes.
    """
    import numpy as np
    from matplotlib.patches import Patch
    from matplotlib.ticker import MaxNLocator

    from monkeys.reporting import style

    looks = {
        "majority vote right": style.mix(style.GREEN, "white", 0.4),
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
    voted = (rates["vote"] != unknown).any()  # without votes, the one colour needs no legend
    entries = [
        Patch(color=colour, label=vote) for vote, colour in looks.items() if voted and (rates["vote"] == vote).any()
    ]
    if (rates["rate"] == 0).any():
        entries.append(Patch(color=never, label="no correct sample"))
    return style.arrange(
        figure,
        headings,
        "problems, hardest first",
        "fraction of correct samples",
        entries,
        columns=4,
        label_ends=False,
    )
