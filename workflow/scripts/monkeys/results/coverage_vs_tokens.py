"""Coverage against generated tokens: many short samples against few long ones, such as those of a thinking mode."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from monkeys.reporting import style
    from monkeys.reporting.pairs import Pair

CATEGORY = "Cost"
TABLE = (
    "Coverage at round numbers of samples k, and the mean number of tokens, thinking included, that k samples of a "
    "problem take."
)
FIGURE = (
    "Coverage against the mean number of generated tokens per problem, thinking included: k samples of the model's "
    "mean length. Where a model's curve with thinking is above its curve without, longer thinking makes better use of "
    "tokens than more samples."
)


def missing(study: Study) -> str | None:
    found = pairs.with_tokens(study)
    return None if found else "no model whose samples have token counts; published samples and outcomes have none"


def compute(tallies: "dict[Pair, pd.DataFrame]", coverage_curves: "pd.DataFrame") -> "pd.DataFrame":
    """Coverage at every k and the tokens that k samples take; columns task, model, k, tokens, coverage."""
    from monkeys.analysis.spending import with_tokens

    return with_tokens(tallies, coverage_curves)


def tabulate(coverage_vs_tokens_curves: "pd.DataFrame") -> "pd.DataFrame":
    """The curves at round k."""
    from monkeys.analysis.tables import at_round_ks

    return at_round_ks(coverage_vs_tokens_curves)


def draw(coverage_vs_tokens_curves: "pd.DataFrame", looks: "Mapping[str, style.Look]") -> "Figure":
    """Coverage of each model for the same number of tokens.

    Args:
        coverage_vs_tokens_curves: Columns task, model, k, tokens (per problem, for k samples), coverage.
        looks: From `style.assign_looks`.
    """
    from monkeys.reporting import style

    return style.coverage_against("tokens", "generated tokens per problem", coverage_vs_tokens_curves, looks)
