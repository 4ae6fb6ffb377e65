"""Problems whose tests reject known correct solutions."""

from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

CATEGORY = "Verification"
TABLE = (
    "Problems whose tests reject known correct solutions, a row each; all problems with known solutions are counted in "
    "`problems`. Number of solutions, rejected ones, and their outcomes (Brown et al. 2024, section 4.2.2)."
)
ON_DEMAND = True


def missing(study: Study) -> str | None:
    found = pairs.tasks_with_known_solutions(study)
    return None if found else "no task of this study has known solutions; among the built-in tasks, code_contests does"


def tabulate(known_solutions: "dict[str, pd.DataFrame]") -> "pd.DataFrame":
    """A row per problem with at least one rejected solution."""
    from monkeys.analysis.exclusions import rejected_solutions
    from monkeys.analysis.tables import concat_with_keys

    tables = {task: rejected_solutions(verdicts) for task, verdicts in known_solutions.items()}
    return concat_with_keys(tables, names=("task",))
