"""What people found in the samples that they graded."""

from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from monkeys.reporting.pairs import Pair

CATEGORY = "Verification"
TABLE = (
    "What people found in correct samples that were drawn at random from every range of solve rates (Brown et al."
    " 2024, Table 2)."
)


def missing(study: Study) -> str | None:
    return None if pairs.graded(study) else "no graded samples (analysis.audit.graded)"


def tabulate(graded: "dict[Pair, pd.DataFrame]") -> "pd.DataFrame":
    """Grades by range of solve rates."""
    from monkeys.analysis.exclusions import audit_table
    from monkeys.analysis.tables import stacked

    return stacked({pair: audit_table(samples) for pair, samples in graded.items()})
