"""Our verdicts on published samples beside those that came with them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

CATEGORY = "Verification"
TABLE = (
    "Samples published with verdicts, judged again by our verifier: how many both call correct, only the "
    "publisher, only we, and neither; the agreement is the share of samples on which both say the same."
)


def missing(study: Study) -> str | None:
    return None if pairs.verified_again(study) else "no published samples that are verified again (published.verify)"


def doubts(table: "pd.DataFrame") -> Iterator[str]:
    from monkeys.analysis.agreement import LOW

    for row in table[table["agreement"] < LOW].itertuples():
        yield (
            f"{row.task} {row.model}: our verdicts agree with the published ones on {row.agreement:.1%} "
            "of the samples only; are these the task's problems, in this numbering?"
        )


def tabulate(
    verdicts_of_published: list[str], published_verdicts: list[str], golds_of_published: dict[str, dict[str, str]]
) -> "pd.DataFrame":
    """How many samples both call correct, only one of them, and neither."""
    from monkeys.analysis.agreement import agreement, with_published

    return agreement(with_published(verdicts_of_published, published_verdicts), golds_of_published)
