"""CodeContests (Li et al. 2022): programs that read standard input; each prompt has its own two worked examples."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from monkeys.tasks import task
from monkeys.tasks.task import Row

PYTHON3 = 3
"""The dataset's number for Python 3."""

IMAGE_TAGS = ("<image>", "[Image]")

BUFFER = 10
"""Time that the paper's judge adds to a problem's time limit, s."""

INSTRUCTION = (
    "Q: Write python code to solve the following coding problem that obeys the constraints and passes the example "
    "test cases. The output code needs to read from and write to standard IO. Please wrap your code answer using ```:"
)


def _has_images(row: Row) -> bool:
    return any(tag in row["description"] for tag in IMAGE_TAGS)


class Task(task.Task):
    """The 140 test problems without images; a problem's id is its row in the split."""

    settings: ClassVar = {
        "dataset": "deepmind/code_contests",
        "revision": "802411c3010cb00d1b05bad57ca77365a3c699d6",
        "columns": {"reference": "tests", "cpu_seconds": "cpu_seconds"},
        "few_shot": 2,
        "prompt": f"{{% for example in examples %}}{INSTRUCTION}\n{{{{ example.description }}}}\n"
        f"A: ```{{{{ example.program }}}}```\n{{% endfor %}}{INSTRUCTION}\n{{{{ description }}}}\nA:",
        "question": "{{ description }}",
        "verifier": "programs",
        "sampling": {
            "temperature": 0.6,
            "top_p": 0.95,
            "max_tokens": 1024,
            "stop": ["Q:", "Question:"],
            "include_stop": True,
        },
        # the paper's judge had no memory limit
        "limits": {"memory_mb": 2048},
    }
    columns = ("name", "description", "public_tests", "private_tests", "generated_tests", "time_limit")
    example_columns = ("name", "description", "solutions")
    solution_columns = ("solutions",)
    random_steps = (2, None)

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """Problems without images, with `tests` (public, private, generated) and `cpu_seconds`."""
        for index, row in enumerate(rows):
            if not _has_images(row):
                yield index, row | {"tests": list(_tests(row)), "cpu_seconds": _cpu_seconds(row)}

    def example(self, row: Row) -> Row | None:
        """A problem without images and the first of its Python 3 programs that is plain ASCII."""
        if _has_images(row):
            return None
        program = next((text for text in _programs(row) if text.isascii()), None)
        return None if program is None else {"description": row["description"], "program": program.strip()}

    def solutions(self, row: Row) -> list[str]:
        """The Python 3 programs that the dataset labels correct."""
        return [f"```\n{program}\n```" for program in _programs(row)]


def _programs(row: Row) -> list[str]:
    """All Python 3 solutions."""
    both = zip(row["solutions"]["language"], row["solutions"]["solution"], strict=True)
    return [text for language, text in both if language == PYTHON3]


def _tests(row: Row) -> Iterator[dict[str, str]]:
    for kind in ("public_tests", "private_tests", "generated_tests"):
        for given, expected in zip(row[kind]["input"], row[kind]["output"], strict=True):
            yield {"input": given, "output": expected}


def _cpu_seconds(row: Row) -> float | None:
    """The problem's time limit plus the judge's buffer, s; None if it has no limit."""
    limit = row["time_limit"]
    seconds = limit["seconds"] + limit["nanos"] / 1e9 if limit else 0
    return seconds + BUFFER if seconds else None
