"""Coverage with the fitted exponentiated power law, a panel per task and model."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from monkeys.analysis.power_law import PowerLaw
from monkeys.figures.style import coverage_axes, palette, panels


def draw(curves: pd.DataFrame, fits: pd.DataFrame) -> Figure:
    """Measured coverage, the fit on top, its parameters and error in the title.

    Args:
        curves: Columns task, model, k, coverage.
        fits: Columns task, model, a, b, error_mean, error_sd; NaN where there is no fit.
    """
    colours = palette(curves["model"])
    models = len(curves["model"].unique())
    figure, axes = panels(len(fits), columns=min(models, 4), width=4.4, height=3.6)
    for panel, fit in zip(axes, fits.itertuples(), strict=True):
        curve = curves[(curves["task"] == fit.task) & (curves["model"] == fit.model)]
        panel.plot(curve["k"], curve["coverage"], color=colours[fit.model], linewidth=3, label="measured")
        coverage_axes(panel, f"{fit.task} · {fit.model}")
        if np.isnan(fit.a):
            panel.set_title(f"{panel.get_title()}\nno fit", fontsize="small")
            continue
        law = PowerLaw(fit.a, fit.b, fit.error_mean, fit.error_sd)
        panel.plot(curve["k"], law(curve["k"]), color="black", linestyle="--", label="exp(a k$^b$)")
        panel.set_title(
            f"{panel.get_title()}\na = {fit.a:.2f}, b = {fit.b:.2f}, error {fit.error_mean:.4f} ± {fit.error_sd:.4f}",
            fontsize="small",
        )
        panel.legend(frameon=False, loc="lower right")
    return figure
