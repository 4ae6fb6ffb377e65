"""Our verdicts on published samples compared with the published ones."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from monkeys.reporting import pairs
from monkeys.study import Study

if TYPE_CHECKING:
    import pandas as pd

CATEGORY = "Verification"
TABLE = (
    "Samples published with verdicts and reverified by ours: samples that both, only our verifier (first), only the "
    "publisher (second), or neither calls correct. Agreement is the fraction of samples with equal verdicts."
)


def missing(study: Study) -> str | None:
    return None if pairs.reverified(study) else "no published samples that are verified again (published.verify)"


def doubts(table: "pd.DataFrame") -> Iterator[str]:
    from monkeys.analysis.agreement import LOW_AGREEMENT

    for row in table[table["agreement"] < LOW_AGREEMENT].itertuples():
        yield (
            f"{row.task} {row.model}: our verdicts agree with the published ones on {row.agreement:.1%} "
            "of the samples only; check that the published problems are those of the task, with the same ids"
        )


def tabulate(
    verdicts_of_published: list[str], published_verdicts: list[str], golds_of_published: dict[str, dict[str, str]]
) -> "pd.DataFrame":
    """Counts of samples that both, one or neither calls correct."""
    from monkeys.analysis.agreement import agreement, read_reverified

    return agreement(read_reverified(verdicts_of_published, published_verdicts), golds_of_published)
