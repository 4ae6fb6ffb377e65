"""MBPP+ (Liu et al. 2023): the well-specified problems of MBPP, with about 35 times as many tests."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from monkeys.tasks.evalplus import EvalPlus
from monkeys.tasks.task import Row

CPU_SECONDS = {"599": 150}
"""Limits for problems whose own solution takes long: four times its time, as in EvalPlus' own evaluation."""


class Task(EvalPlus):
    """All 378 problems; a prompt is EvalPlus' for base models, a docstring with the task and one assertion."""

    settings: ClassVar = {
        "dataset": "evalplus/mbppplus",
        "revision": "b2d74c91837c3f2a20c1299ae98133cbe7cfa077",
        "columns": {"id": "task_id", "cpu_seconds": "cpu_seconds"},
        "reference": {"before": "", "after": "{{ test_imports | join('\n') }}\n{{ test }}\n"},
        "prompt": '"""\n{{ prompt }}\n{{ test_list[0] }}\n"""\n',
        "question": "{{ prompt }}",
        "verifier": "functions",
        "sampling": {
            "temperature": 0.8,
            "top_p": 0.95,
            "max_tokens": 512,
            "stop": ['\n"""', "\nassert", "\nif __name__", "\ndef main(", "\nprint("],
        },
        # one result of problem 255 takes 1.1 GiB, and is compared with another
        "limits": {"cpu_seconds": 30, "memory_mb": 2560},
    }
    columns = ("task_id", "prompt", "test_imports", "test_list", "test")

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """All problems, with tests that need no numpy, and time limits for some."""
        for index, row in super().problems(rows):
            yield index, row | {"cpu_seconds": CPU_SECONDS.get(str(row["task_id"]))}
