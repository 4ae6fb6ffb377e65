"""Problems that no sample solves."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from monkeys.reporting.pairs import Pair

CATEGORY = "Solve rates"
TABLE = "Problems that no sample solves: their number and ids, by task and model."


def tabulate(tallies: "dict[Pair, pd.DataFrame]") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """A row per task and model; the Markdown shows only the beginning of the list of ids."""
    import pandas as pd

    from monkeys.analysis.solve_rates import never_solved

    rows = []
    for (task, model), tally in tallies.items():
        ids = never_solved(tally)
        pair = {"task": task, "model": model, "problems": len(tally)}
        rows.append({**pair, "never_solved": len(ids), "problem_ids": " ".join(ids)})
    table = pd.DataFrame(rows)
    return table, table.assign(problem_ids=table["problem_ids"].str.slice(0, 60))
