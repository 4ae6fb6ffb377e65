"""Single numbers per task and model: averages with errors, reliability, and how alike samples of a problem are."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from monkeys.reporting.pairs import Pair

CATEGORY = "Solve rates"
TABLE = (
    "Average solve rate, with its standard error for all problems of the same kind and for these problems alone; "
    "Bayes@N, with its standard error; the correlation of two samples of one problem, and the number of independent "
    "samples that any number of samples of one problem is worth at most for the average; the fraction of problems "
    "that all (pass^k) or a share (G-Pass@k) of k samples solve, and whose solve rate is at least a given one (Cover)."
)


def tabulate(tallies: "dict[Pair, pd.DataFrame]") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """A row per task and model; the Markdown has a column per task and model instead."""
    import pandas as pd

    from monkeys.analysis.statistics import statistics

    rows = [{"task": task, "model": model, **statistics(tally)} for (task, model), tally in tallies.items()]
    table = pd.DataFrame(rows)
    numbers = table.set_index(["task", "model"])
    shown = numbers.map(lambda number: f"{number:.4g}" if not number >= 1000 else f"{number:.0f}").replace("nan", "")
    upright = shown.T.rename_axis("statistic").reset_index()
    upright.columns = [" ".join(filter(None, names)) for names in upright.columns]
    return table, upright
