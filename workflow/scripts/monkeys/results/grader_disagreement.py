"""Verdicts on math answers compared with second opinions."""

from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

CATEGORY = "Verification"
TABLE = (
    "Math answers judged by two graders, the verifier whose verdicts count (first) and a second opinion: samples that "
    "both, only the first, only the second, or neither call correct, and the answers on which they most often "
    "disagree."
)


def missing(study: Study) -> str | None:
    return None if pairs.with_second_opinion(study) else "no task with a second opinion (tasks.*.second_opinion)"


def tabulate(second_opinions: list[str], golds_of_second_opinions: dict[str, dict[str, str]]) -> "pd.DataFrame":
    """Counts of samples that both graders, one of them or neither calls correct."""
    from monkeys.analysis.agreement import agreement, read_second_opinions

    return agreement(read_second_opinions(second_opinions), golds_of_second_opinions)
