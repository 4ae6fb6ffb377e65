"""How well coverage of all samples is predicted from the first ones, by method."""

from typing import TYPE_CHECKING

from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from monkeys.reporting.pairs import Pair

CATEGORY = "Prediction"
TABLE = (
    "Coverage of all samples predicted from the first 1, 3, 10 and 30 % of them, in five random orders each: mean "
    "relative error and bias, the share of intervals that hold the measured coverage, and the method with the "
    "smallest error."
)


def settings(study: Study) -> dict[str, object]:
    return {"confidence": study.analysis.confidence, "seed": study.seed}


def compute(tallies: "dict[Pair, pd.DataFrame]", confidence: float, seed: int) -> "pd.DataFrame":
    """A row per prediction."""
    from monkeys.analysis.prediction import back_test
    from monkeys.analysis.tables import concat_with_keys

    return concat_with_keys(
        {pair: back_test(tally["samples"], tally["correct"], confidence, seed) for pair, tally in tallies.items()}
    )


def tabulate(tallies: "dict[Pair, pd.DataFrame]", prediction_backtest_curves: "pd.DataFrame") -> "pd.DataFrame":
    """Errors by task, model and method; NaN for a task and model with too few samples for a back-test."""
    from monkeys.analysis.prediction import back_test_errors
    from monkeys.analysis.tables import concat_with_keys

    rows = prediction_backtest_curves
    return concat_with_keys(
        {
            (task, model): back_test_errors(rows[(rows["task"] == task) & (rows["model"] == model)])
            for task, model in tallies
        }
    )
