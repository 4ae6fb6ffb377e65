"""Samples that were drawn elsewhere and are taken from files."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from monkeys.sources.source import Source


class Record(NamedTuple):
    """The samples of one problem."""

    problem_id: str
    texts: list[str]
    outcomes: list[str]
    """Published verdict on each of them; `verifier_error` where there is none."""
    where: str
    """File and place of the record, for errors."""


class Imported(Source):
    """A source whose samples are in files already. A subclass says where they are and reads them."""

    rule = "import_samples"

    @property
    def judged(self) -> str:
        return "with published samples, " + ("verified again" if self.verified else "verified by others")

    @property
    def needs(self) -> tuple[str, ...]:
        return super().needs if self.verified else ("samples", "shard_size")

    @abstractmethod
    def files(self, task: str) -> list[str]:
        """Local files with the samples of a task: if one changes, its samples are imported again."""

    @abstractmethod
    def records(self, task: str, results: str) -> Iterator[Record]:
        """The samples of a task, problem by problem.

        Args:
            task: Name of the task.
            results: The study's folder of results, where commits of hub datasets are pinned.

        Raises:
            ValueError: a file is not as it should be; the message says where.
        """
