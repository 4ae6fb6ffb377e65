"""Problems whose tests reject solutions that are known to be right."""

from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

CATEGORY = "Verification"
TABLE = "Problems whose tests reject solutions that are known to be right, and by which outcomes."
ON_DEMAND = True


def missing(study: Study) -> str | None:
    found = pairs.tasks_with_known_solutions(study)
    return None if found else "no task of this study has known solutions; of the built-in ones, code_contests has"


def tabulate(known_solutions: "dict[str, pd.DataFrame]") -> "pd.DataFrame":
    """A row per problem of which some solution is rejected."""
    from monkeys.analysis.exclusions import rejected
    from monkeys.analysis.tables import stacked

    return stacked({task: rejected(verdicts) for task, verdicts in known_solutions.items()}, names=("task",))
