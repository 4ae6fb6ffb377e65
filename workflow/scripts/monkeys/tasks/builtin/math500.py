"""MATH-500 (Lightman et al. 2023): 500 problems of the MATH test split, for chat models."""

from typing import ClassVar

from monkeys.tasks import task
from monkeys.tasks.instructions import BOXED


class Task(task.Task):
    """All 500 problems, without worked examples."""

    settings: ClassVar = {
        "dataset": "HuggingFaceH4/MATH-500",
        "revision": "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
        "columns": {"id": "unique_id", "reference": "answer"},
        "prompt": BOXED,
        "question": "{{ problem }}",
        "verifier": "boxed",
        "sampling": {"temperature": 0.6, "top_p": 0.95, "max_tokens": 4096},
    }
    columns = ("unique_id", "problem", "answer")
