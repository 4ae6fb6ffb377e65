"""LiveCodeBench (Jain et al. 2024): problems of programming contests by date, for chat models."""

import base64
import io
import json
import pickle
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, NoReturn

from monkeys.tasks import task
from monkeys.tasks.task import Row

FILES = ("test.jsonl", *(f"test{number}.jsonl" for number in range(2, 7)))
"""The dataset's files: the problems that each release added."""

PROMPT = (
    "{{ question_content }}\n\n"
    "{% if starter_code %}"
    "Solve this problem in Python by completing the code below. Reason first if it helps; then give the complete code "
    "in one block at the end of your answer.\n\n```python\n{{ starter_code }}\n```"
    "{% else %}"
    "Solve this problem with a Python program that reads from standard input and writes to standard output. Reason "
    "first if it helps; then give the complete program in one block at the end of your answer, like this:\n\n"
    "```python\n# your program\n```"
    "{% endif %}"
)


@dataclass(frozen=True)
class Options:
    """Which contests the problems come from; models that were trained later may have seen them."""

    start_date: str | None = None
    """Date of the first contest, such as 2025-01-31."""
    end_date: str | None = None
    """Date of the last contest."""

    def __post_init__(self) -> None:
        for key, given in vars(self).items():
            try:
                valid = given is None or date.fromisoformat(given).isoformat() == given
            except ValueError:
                valid = False
            if not valid:
                raise ValueError(f"{key}: {given!r} is not a date such as 2025-01-31")
        if self.start_date and self.end_date and self.start_date > self.end_date:
            raise ValueError(f"start_date: {self.start_date} is after end_date, {self.end_date}")

    def include(self, day: str) -> bool:
        """Whether a contest on this day is among them; dates in ISO format sort as text."""
        return (self.start_date or day) <= day <= (self.end_date or day)


class Task(task.Task):
    """The problems that release 6 added, 2025-01 to 2025-04; all of its contests unless the options have dates."""

    settings: ClassVar = {
        "dataset": "livecodebench/code_generation_lite",
        "revision": "0fe84c3912ea0c4d4a78037083943e8f0c4dd505",
        "subset": "v6",
        "columns": {"id": "question_id", "reference": "tests"},
        "prompt": PROMPT,
        "question": "{{ question_content }}",
        "verifier": "livecodebench",
        "sampling": {"temperature": 0.6, "top_p": 0.95, "max_tokens": 32768},
        # the benchmark's time limit for a test case; it does not limit memory
        "limits": {"cpu_seconds": 6, "memory_mb": 2048},
    }
    columns = (
        *("question_id", "question_content", "starter_code", "contest_date", "platform", "difficulty"),
        *("public_test_cases", "private_test_cases", "metadata"),
    )
    Options = Options

    def files(self, subset: str | Sequence[str] | None) -> list[str]:
        """The files of `release_v6` (all problems up to release 6) or `v6` (those that it added)."""
        found: list[str] = []
        for name in [subset] if subset is None or isinstance(subset, str) else subset:
            release = re.fullmatch(f"(release_)?v([1-{len(FILES)}])", name or "")
            if not release:
                raise ValueError(
                    f"subset: {name} is not a release: release_v6 has all problems up to release 6, v6 those that it "
                    f"added, and likewise for the releases from 1 to {len(FILES)}"
                )
            last = int(release[2])
            found += FILES[0 if release[1] else last - 1 : last]
        return list(dict.fromkeys(found))

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """Problems of the contests that the options include, with their tests, decoded."""
        days, chosen = [], 0
        for index, row in enumerate(rows):
            days.append(str(row["contest_date"])[:10])
            if self.options.include(days[-1]):
                chosen += 1
                kept = {key: value for key, value in row.items() if not key.endswith("_test_cases")}
                yield index, kept | {"tests": _tests(row)}
        if days and not chosen:
            raise ValueError(
                f"options: no contest is within these dates; those there are from {min(days)} to {max(days)}"
            )


def _tests(row: Row) -> dict[str, Any]:
    """The verifier's reference: the function's name, if the problem asks for one, and all test cases."""
    try:
        tests = [*json.loads(row["public_test_cases"]), *_private(row["private_test_cases"])]
        cases = [{"input": test["input"], "output": test["output"]} for test in tests]
        return {"function": json.loads(row["metadata"]).get("func_name"), "cases": cases}
    except (ValueError, TypeError, KeyError, EOFError, zlib.error, pickle.UnpicklingError) as error:
        raise ValueError(f"problem {row['question_id']}: its tests cannot be read: {error!r}") from None


def _private(text: str) -> Any:
    """Private test cases: JSON, or base64 of compressed data that pickle a JSON text."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_TextOnly(io.BytesIO(zlib.decompress(base64.b64decode(text)))).load())


class _TextOnly(pickle.Unpickler):
    """Unpickles values such as texts, but no objects, whose unpickling could run code."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"they refer to {module}.{name}")
