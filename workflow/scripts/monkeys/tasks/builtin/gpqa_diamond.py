"""GPQA Diamond (Rein et al. 2023): 198 multiple-choice questions from science, for chat models.

The dataset is gated: accept its conditions on the hub, and set HF_TOKEN.
"""

import random
from collections.abc import Iterable, Iterator
from typing import ClassVar

from monkeys.tasks import task
from monkeys.tasks.instructions import CHOICE
from monkeys.tasks.task import Row

CORRECT = "Correct Answer"
OPTIONS = (CORRECT, "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


class Task(task.Task):
    """All 198 questions, each with its options in a random order that is the same in every study."""

    settings: ClassVar = {
        "dataset": "Idavidrein/gpqa",
        "revision": None,  # the commit of the first use
        "subset": "gpqa_diamond",
        "split": "train",
        "columns": {"id": "Record ID", "reference": "letter"},
        "prompt": CHOICE,
        "question": "{{ question }}",
        "verifier": "choice",
        "sampling": {"temperature": 0.6, "top_p": 0.95, "max_tokens": 32768},
    }
    columns = ("Record ID", "Question", *OPTIONS)

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """Questions with their options by letter, and the letter of the correct one."""
        for index, row in enumerate(rows):
            order = list(OPTIONS)
            random.Random(row["Record ID"]).shuffle(order)  # a string seeds by its SHA-512, which does not change
            by_letter = dict(zip("ABCD", order, strict=True))
            yield (
                index,
                {
                    "Record ID": row["Record ID"],
                    "question": row["Question"].strip(),
                    "options": {letter: str(row[option]).strip() for letter, option in by_letter.items()},
                    "letter": next(letter for letter, option in by_letter.items() if option == CORRECT),
                },
            )
