"""AIME 2025: the 30 problems of both papers, for chat models."""

from typing import ClassVar

from monkeys.tasks import task
from monkeys.tasks.instructions import BOXED


class Task(task.Task):
    """All 30 problems, without worked examples."""

    settings: ClassVar = {
        "dataset": "math-ai/aime25",
        "revision": None,  # the commit of the first use
        "columns": {"id": "id", "reference": "answer"},
        "prompt": BOXED,
        "question": "{{ problem }}",
        "verifier": "boxed",
        "sampling": {"temperature": 0.6, "top_p": 0.95, "max_tokens": 32768},
    }
    columns = ("id", "problem", "answer")
