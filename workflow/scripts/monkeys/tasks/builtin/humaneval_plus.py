"""HumanEval+ (Liu et al. 2023): HumanEval with about eighty times as many tests."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from monkeys.tasks.builtin import humaneval
from monkeys.tasks.evalplus import EvalPlus
from monkeys.tasks.task import Row

FIND_ZERO = "_poly(*candidate(*inp), inp)", "abs(_poly(*inp, candidate(*inp)))"
"""Part of the test of HumanEval/32, which no solution passes, and what it should be, as in EvalPlus' own evaluation."""


class Task(EvalPlus):
    """All 164 problems, with the prompts and settings of HumanEval."""

    settings: ClassVar = {
        **humaneval.Task.settings,
        "dataset": "evalplus/humanevalplus",
        "revision": "d32357cf319e50e9c8d8dab5ea876c72b0fd321b",
        "limits": {"cpu_seconds": 30},
    }
    columns = humaneval.Task.columns

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """All problems, with tests that need no numpy; that of HumanEval/32 corrected."""
        for index, row in super().problems(rows):
            yield index, row | {"test": row["test"].replace(*FIND_ZERO)}
