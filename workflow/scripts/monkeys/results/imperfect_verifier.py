"""Coverage behind a verifier that errs, and how far resampling until it accepts can get."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.analysis.imperfect import Bootstrap
    from monkeys.reporting.pairs import Pair

CATEGORY = "Verification"
TABLE = (
    "Coverage if the verifier errs at the stated rates (tasks.*.verifier_errors): `accepted`, the fraction of problems "
    "of which it accepts a sample; `coverage`, the fraction truly solved, with an interval over problems; `right` and "
    "`wrong`, the chances that resampling until it accepts, at most k times, ends with a correct and a wrong sample "
    "(Stroebl et al. 2024). The Markdown has the ceiling of resampling and the best number of attempts for several "
    "costs of a wrong answer."
)


def FIGURE(study: Study) -> str:
    confidence = 100 * study.analysis.confidence
    return (
        "What an imperfect verifier makes of k samples: the fraction of problems of which it accepts one, the fraction "
        f"truly solved, with {confidence:g} % intervals over problems, and the chance that resampling until it accepts "
        "ends with a correct sample, whose ceiling the dashed line shows (Stroebl et al. 2024). The error rates are "
        "those of tasks.*.verifier_errors, taken as known and equal for all problems."
    )


def missing(study: Study) -> str | None:
    return None if pairs.with_verifier_errors(study) else "no task with a verifier that errs (tasks.*.verifier_errors)"


def settings(study: Study) -> dict[str, object]:
    """Error rates by task, and the bootstrap over problems."""
    rates = {task: study.tasks[task].verifier_errors for task, _ in pairs.with_verifier_errors(study)}
    return {
        "verifier_errors": {task: known.model_dump() for task, known in rates.items() if known is not None},
        "bootstrap": {"confidence": study.analysis.confidence, "seed": study.seed},
    }


def compute(
    tallies: "dict[Pair, pd.DataFrame]", verifier_errors: Mapping[str, Mapping[str, float]], bootstrap: "Bootstrap"
) -> "pd.DataFrame":
    """Columns task, model, k, accepted, coverage, low, high, right, wrong, at log-spaced and round k."""
    from monkeys.analysis.coverage import curve_ks
    from monkeys.analysis.imperfect import ErrorRates, corrected_curve
    from monkeys.analysis.tables import concat_with_keys

    curves = {
        (task, model): corrected_curve(tally, curve_ks(tally), ErrorRates(**verifier_errors[task]), **bootstrap)
        for (task, model), tally in tallies.items()
        if task in verifier_errors
    }
    return concat_with_keys(curves)


def tabulate(
    imperfect_verifier_curves: "pd.DataFrame", verifier_errors: Mapping[str, Mapping[str, float]]
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """The curves at round k; the Markdown has a row per task and model."""
    import pandas as pd

    from monkeys.analysis.imperfect import best_attempts
    from monkeys.analysis.tables import at_round_ks, concat_with_keys

    table = at_round_ks(imperfect_verifier_curves)
    rows = {}
    for (task, model), curve in imperfect_verifier_curves.groupby(["task", "model"], sort=False):
        last = curve.iloc[-1]
        row = {**verifier_errors[task], "k": last["k"]}
        row |= {key: f"{last[key]:.3f}" for key in ("accepted", "coverage", "right", "wrong", "ceiling")}
        for cost in COSTS:
            attempts, reward = best_attempts(curve["right"], curve["wrong"], list(curve["k"]), cost)
            row[f"best k, cost {cost}"] = f"{attempts} ({reward:.3f})"
        rows[task, model] = row
    shown = concat_with_keys({pair: pd.DataFrame([row]) for pair, row in rows.items()})
    return table, shown


COSTS = (1, 4, 16)
"""Costs of a wrong answer, in units of what a correct one is worth."""


def draw(imperfect_verifier_curves: "pd.DataFrame") -> "Figure":
    """Accepted, true coverage and resampling, a panel per task and model."""
    from monkeys.reporting import style

    looks = {
        "a sample is accepted": style.Look(style.BLACK, style.DASHES[2], marker="^"),
        "a sample is correct (coverage)": style.Look(style.BLUE, marker="o"),
        "the first accepted sample is correct": style.Look(style.VERMILLION, marker="s"),
    }
    groups = list(imperfect_verifier_curves.groupby(["task", "model"], sort=False))
    figure, axes = style.panels(len(groups))
    for panel, (_, curve) in zip(axes, groups, strict=True):
        panel.fill_between(curve["k"], curve["low"], curve["high"], color=style.BLUE, alpha=0.15, linewidth=0)
        for (name, look), column in zip(looks.items(), ("accepted", "coverage", "right"), strict=True):
            style.curve(panel, curve["k"], curve[column], look, name)
        ceiling = style.Look(style.VERMILLION, style.DASHES[1])
        style.curve(panel, curve["k"], curve["ceiling"], ceiling, "_ceiling", marker="")
    return style.arrange(
        figure,
        [pair for pair, _ in groups],
        style.SAMPLES,
        "fraction of problems",
        style.legend_entries(looks, looks),
        columns=3,
        label_ends=False,
    )
