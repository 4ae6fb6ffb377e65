"""Verdicts on math answers beside second opinions on them."""

from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

CATEGORY = "Verification"
TABLE = (
    "Every math answer judged by two graders, the verifier whose verdicts count and a second opinion: how many "
    "samples both call correct, only the first, only the second, and neither, with the answers that they differ "
    "on most often."
)


def missing(study: Study) -> str | None:
    return None if pairs.judged_twice(study) else "no task with a second opinion (tasks.*.second_opinion)"


def tabulate(second_opinions: list[str], golds_of_second_opinions: dict[str, dict[str, str]]) -> "pd.DataFrame":
    """How many samples both call correct, only one of them, and neither."""
    from monkeys.analysis.agreement import agreement, with_second_opinion

    return agreement(with_second_opinion(second_opinions), golds_of_second_opinions)
