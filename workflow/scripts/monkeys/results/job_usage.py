"""Where the hours of machines went."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

CATEGORY = "Jobs"
TABLE = "What jobs used of the machines, beside what they had requested."
ON_DEMAND = True


def tabulate(usage_notes: "pd.DataFrame") -> "pd.DataFrame":
    """Hours, memory and time by rule, task and model."""
    from monkeys.analysis.usage import usage

    return usage(usage_notes)
