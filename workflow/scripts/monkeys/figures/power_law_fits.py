"""Coverage with the fitted exponentiated power law, a panel per task and model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from monkeys.analysis.power_law import PowerLaw
from monkeys.figures import style

MEASURED: dict[str, Any] = {"linewidth": 3.0, "alpha": 0.5, "solid_capstyle": "round"}
FITTED: dict[str, Any] = {"color": style.BLACK, "linestyle": (0, (3, 2)), "linewidth": 0.9}


def draw(curves: pd.DataFrame, fits: pd.DataFrame, colours: Mapping[str, style.Look]) -> Figure:
    """Measured coverage, the fit on top, its parameters and error beside them (Brown et al. 2024, Fig. 5 and 10).

    Args:
        curves: Columns task, model, k, coverage.
        fits: Columns task, model, a, b, error_mean, error_sd, a row per panel; NaN where there is no fit.
        colours: From `style.colours`.
    """
    by_pair = dict(list(curves.groupby(["task", "model"])))
    figure, axes = style.panels(len(fits))
    for panel, fit in zip(axes, fits.itertuples(), strict=True):
        curve = by_pair[fit.task, fit.model]
        look = colours[fit.model]._replace(dashes=(), marker="" if len(curve) > 1 else "o")
        style.curve(panel, curve["k"], curve["coverage"], look, fit.model, **MEASURED)
        text = "no fit"
        if not np.isnan(fit.a):
            law = PowerLaw(fit.a, fit.b, fit.error_mean, fit.error_sd)
            panel.plot(curve["k"], law(curve["k"]), label="_fit", **FITTED)
            text = f"a = {fit.a:.2f}\nb = {fit.b:.2f}\nerror {fit.error_mean:.4f}\n± {fit.error_sd:.4f}"
        style.note(panel, text.replace("-", "−"), curve["k"], curve["coverage"])
    entries = [
        Line2D([], [], label="measured", color=style.GREY, **MEASURED),
        Line2D([], [], label="fit, exp(a · kᵇ)", **FITTED),
    ]
    headings = list(fits[["task", "model"]].itertuples(index=False, name=None))
    return style.arrange(figure, headings, style.SAMPLES, style.COVERAGE, entries, columns=4, direct=False)
