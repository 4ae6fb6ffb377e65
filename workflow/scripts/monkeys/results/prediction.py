"""Coverage predicted for ten times as many samples, a panel per task and model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style
    from monkeys.reporting.pairs import Pair

CATEGORY = "Prediction"
TABLE = (
    "Coverage at ten times the samples that were drawn, predicted by each method with an interval; and the method's "
    "relative error, bias and calibration in the back-test. The recommended method has the smallest error there."
)
FIGURE = (
    "Measured coverage and its prediction up to ten times as many samples. Black: the method with the smallest error "
    "in the back-test, which predicts all samples from the first ones, with its interval; grey: the other methods."
)

FACTOR = 10
"""Predicted number of samples, as a multiple of those that were drawn."""


def settings(study: Study) -> dict[str, object]:
    return {"confidence": study.analysis.confidence}


def compute(tallies: "dict[Pair, pd.DataFrame]", confidence: float) -> "pd.DataFrame":
    """Prediction of every method at log-spaced k up to ten times the samples."""
    from monkeys.analysis.coverage import budget, log_grid
    from monkeys.analysis.prediction import predictions
    from monkeys.analysis.tables import concat_with_keys

    return concat_with_keys(
        {
            pair: predictions(tally["samples"], tally["correct"], log_grid(FACTOR * budget(tally), 10), confidence)
            for pair, tally in tallies.items()
        }
    )


def tabulate(prediction_curves: "pd.DataFrame", prediction_backtest_table: "pd.DataFrame") -> "pd.DataFrame":
    """The largest k, with the errors of the back-test."""
    last = prediction_curves["k"] == prediction_curves.groupby(["task", "model"])["k"].transform("max")
    errors = prediction_backtest_table.drop(columns=["repeats", "defined"])
    return prediction_curves[last].merge(errors, on=["task", "model", "method"], how="left")


def draw(
    coverage_curves: "pd.DataFrame",
    prediction_curves: "pd.DataFrame",
    prediction_table: "pd.DataFrame",
    looks: "Mapping[str, style.Look]",
) -> "Figure":
    """Measured coverage, and the predictions of all methods.

    Args:
        coverage_curves: Columns task, model, k, coverage.
        prediction_curves: Columns task, model, method, k, coverage, low, high.
        prediction_table: Columns task, model, method, coverage, error, recommended.
        looks: From `style.assign_looks`.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from monkeys.reporting import style

    measured: style.Properties = {"linewidth": 3.0, "alpha": 0.5, "solid_capstyle": "round"}
    best: style.Properties = {"color": style.BLACK, "linestyle": (0, (3, 2)), "linewidth": 0.9}
    others: style.Properties = {"color": style.LIGHT, "linewidth": 0.5}
    band: style.Properties = {"color": style.BLACK, "alpha": 0.15, "linewidth": 0}
    curves = dict(list(coverage_curves.groupby(["task", "model"])))
    predicted = dict(list(prediction_curves.groupby(["task", "model"])))
    pairs = list(prediction_table.groupby(["task", "model"], sort=False))
    figure, axes = style.panels(len(pairs))
    for panel, (pair, table) in zip(axes, pairs, strict=True):
        curve, lines, text = curves[pair], predicted[pair], "no recommendation"
        shown = curve
        recommended = table[table["recommended"]]
        for method, line in lines.groupby("method", sort=False):
            if method not in set(recommended["method"]):
                panel.plot(line["k"], line["coverage"], label="_other", **others)
        look = looks[pair[1]]._replace(dashes=(), marker="" if len(curve) > 1 else "o")
        style.curve(panel, curve["k"], curve["coverage"], look, pair[1], **measured)
        for row in recommended.itertuples():
            shown = lines[lines["method"] == row.method]
            beyond = shown[shown["k"] >= curve["k"].max()]
            panel.fill_between(beyond["k"], beyond["low"], beyond["high"], **band)
            panel.plot(shown["k"], shown["coverage"], label="_best", **best)
            text = f"{row.method.replace('_', '-')}\n→ {row.coverage:.3f}\nerror {row.error:.1%}"
        style.annotate(panel, text, shown["k"], shown["coverage"])
    entries = [
        Line2D([], [], label="measured", color=style.GREY, **measured),
        Line2D([], [], label="best in back-test", **best),
        Patch(label="its interval", **band),
        Line2D([], [], label="other methods", **others),
    ]
    headings = [pair for pair, _ in pairs]
    return style.arrange(figure, headings, style.SAMPLES, style.COVERAGE, entries, columns=4, label_ends=False)
