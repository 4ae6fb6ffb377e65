"""Files with counts of correct samples instead of samples."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag

from monkeys.settings import Json, Settings
from monkeys.sources.paths import is_file
from monkeys.sources.source import Source


class File(Settings):
    """A file with outcomes whose columns have names of their own."""

    file: str
    """The file."""
    columns: dict[Literal["problem_id", "samples", "correct", "attempt"], str] = {}
    """The file's own names of the columns, by those above."""
    where: Json = {}
    """Values by column; only rows that have them are taken."""


def _kind(value: Any) -> str:
    return "<text>" if isinstance(value, str) else "<file>"


class Outcomes(Source):
    """Files with outcomes of samples drawn elsewhere, by task: CSV or parquet with the columns problem_id, samples,
    correct (a row per problem) or problem_id, attempt, correct (a row per attempt).
    """

    Settings = dict[
        str, Annotated[Annotated[str, Tag("<text>")] | Annotated[File, Tag("<file>")], Discriminator(_kind)]
    ]

    @property
    def needs(self) -> tuple[str, ...]:
        return ()

    @property
    def judged(self) -> str:
        return "with published outcomes"

    def file(self, task: str) -> File:
        """The file with the outcomes of a task."""
        entry = self.settings[task]
        return File(file=entry) if isinstance(entry, str) else entry

    @property
    def origin(self) -> str:
        return "counts"

    def distribution(self, task: str, sampling: Json) -> Json:
        return {}

    def mistakes(self, where: str) -> Iterator[str]:
        for task in self.model.tasks:
            if task not in self.settings:
                yield f"{where}.outcomes: no file for task {task}"
            elif not is_file(path := self.file(task).file):
                yield f"{where}.outcomes.{task}: no file {path}"
