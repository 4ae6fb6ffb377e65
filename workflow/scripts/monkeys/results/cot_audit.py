"""Manual grades of correct samples."""

from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from monkeys.reporting.pairs import Pair

CATEGORY = "Verification"
TABLE = (
    "Manual grades of samples judged correct, drawn at random from each bin of problems' solve rates (Brown et al. "
    "2024, Table 2)."
)


def missing(study: Study) -> str | None:
    return None if pairs.graded(study) else "no graded samples (analysis.audit.graded)"


def tabulate(graded: "dict[Pair, pd.DataFrame]") -> "pd.DataFrame":
    """Grades by bin of solve rates."""
    from monkeys.analysis.exclusions import audit_table
    from monkeys.analysis.tables import concat_with_keys

    return concat_with_keys({pair: audit_table(samples) for pair, samples in graded.items()})
