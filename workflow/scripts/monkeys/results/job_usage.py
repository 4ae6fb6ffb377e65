"""Machine hours used by the study's jobs."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

CATEGORY = "Jobs"
TABLE = "Resources that jobs used, compared with what they requested."
ON_DEMAND = True


def tabulate(usage_notes: "pd.DataFrame") -> "pd.DataFrame":
    """Hours, memory and run time by rule, task and model."""
    from monkeys.analysis.usage import usage_table

    return usage_table(usage_notes)
