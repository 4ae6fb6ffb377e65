"""The exponentiated power law fitted to coverage, a panel per task and model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style
    from monkeys.reporting.pairs import Pair

CATEGORY = "Power law"
TABLE = (
    "Parameters and error of the fitted power laws, and the numbers of problems and samples per problem that each is "
    "fitted to."
)
FIGURE = (
    r"Coverage and the exponentiated power law exp(a k\ :sup:`b`), fitted to log coverage at 20 log-spaced k, as in "
    "Brown et al. 2024, Fig. 5. The error is the mean ± standard deviation of the absolute difference between the two "
    "over 100 log-spaced k."
)


def tabulate(tallies: "dict[Pair, pd.DataFrame]") -> "pd.DataFrame":
    """The fit for every task and model, with the number of problems and samples per problem it is based on."""
    from dataclasses import asdict

    import pandas as pd

    from monkeys.analysis.coverage import budget
    from monkeys.analysis.power_law import fit_power_law

    return pd.DataFrame(
        {"task": task, "model": model, **asdict(fit_power_law(tally)), "problems": len(tally), "samples": budget(tally)}
        for (task, model), tally in tallies.items()
    )


def draw(
    coverage_curves: "pd.DataFrame", power_law_table: "pd.DataFrame", looks: "Mapping[str, style.Look]"
) -> "Figure":
    """Measured coverage with the fit on top, annotated with its parameters and error (Brown et al. 2024, Fig. 5, 10).

    Args:
        coverage_curves: Columns task, model, k, coverage.
        power_law_table: Columns task, model, a, b, error_mean, error_sd, a row per panel; NaN without a fit.
        looks: From `style.assign_looks`.
    """
    import numpy as np
    from matplotlib.lines import Line2D

    from monkeys.analysis.power_law import PowerLaw
    from monkeys.reporting import style

    measured: style.Properties = {"linewidth": 3.0, "alpha": 0.5, "solid_capstyle": "round"}
    fitted: style.Properties = {"color": style.BLACK, "linestyle": (0, (3, 2)), "linewidth": 0.9}
    fits = power_law_table
    by_pair = dict(list(coverage_curves.groupby(["task", "model"])))
    figure, axes = style.panels(len(fits))
    for panel, fit in zip(axes, fits.itertuples(), strict=True):
        curve = by_pair[fit.task, fit.model]
        look = looks[fit.model]._replace(dashes=(), marker="" if len(curve) > 1 else "o")
        style.curve(panel, curve["k"], curve["coverage"], look, fit.model, **measured)
        text = "no fit"
        if not np.isnan(fit.a):
            law = PowerLaw(fit.a, fit.b, fit.error_mean, fit.error_sd)
            panel.plot(curve["k"], law(curve["k"]), label="_fit", **fitted)
            text = f"a = {fit.a:.2f}\nb = {fit.b:.2f}\nerror {fit.error_mean:.4f}\n± {fit.error_sd:.4f}"
        style.annotate(panel, text.replace("-", "−"), curve["k"], curve["coverage"])
    entries = [
        Line2D([], [], label="measured", color=style.GREY, **measured),
        Line2D([], [], label="fit, exp(a · kᵇ)", **fitted),
    ]
    headings = list(fits[["task", "model"]].itertuples(index=False, name=None))
    return style.arrange(figure, headings, style.SAMPLES, style.COVERAGE, entries, columns=4, label_ends=False)
