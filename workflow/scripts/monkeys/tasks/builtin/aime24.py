"""AIME 2024: the 30 problems of both papers, for chat models."""

from typing import ClassVar

from monkeys.tasks import task
from monkeys.tasks.instructions import BOXED


class Task(task.Task):
    """All 30 problems, without worked examples."""

    settings: ClassVar = {
        "dataset": "HuggingFaceH4/aime_2024",
        "revision": "2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
        "split": "train",
        "columns": {"id": "id", "reference": "answer"},
        "prompt": BOXED,
        "question": "{{ problem }}",
        "verifier": "boxed",
        "sampling": {"temperature": 0.6, "top_p": 0.95, "max_tokens": 32768},
    }
    columns = ("id", "problem", "answer")
