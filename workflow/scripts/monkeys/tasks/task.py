"""What every task is."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

Row = dict[str, Any]
"""A row of a dataset, by column."""


class Task:
    """How problems and worked examples come out of datasets; this one takes rows as they are.

    A built-in task is a subclass named `Task` in a module of its own in `monkeys.tasks.builtin`.
    """

    settings: ClassVar[Mapping[str, Any]] = {}
    """Keys of the task in a config, where the config does not give them."""
    columns: ClassVar[tuple[str, ...]] = ()
    """What is read of the problems' dataset, all of which it must have; empty reads everything."""
    example_columns: ClassVar[tuple[str, ...]] = ()
    """The same of the examples' dataset."""
    solution_columns: ClassVar[tuple[str, ...]] = ()
    """What is read of the problems' dataset for solutions that are known to be right; empty where there are none."""
    random_steps: ClassVar[tuple[int, int | None]] = (64, 10_000)
    """How far random numbers move on with every problem: by a draw of so many out of so many (None: of the examples
    there are). Published subsets of problems are what came out after the draws of their examples."""

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """The problems among the rows of a split, each with its number there, in the order in which they are drawn.

        Raises:
            ValueError: these are not the rows of this task's dataset.
        """
        yield from enumerate(rows)

    def example(self, row: Row) -> Row | None:
        """What a prompt may show of a row as a worked example; None if it is unfit."""
        return row

    def solutions(self, row: Row) -> list[str]:
        """Solutions of a row's problem that are known to be right, as a model would write them."""
        return []

    def fixed_examples(self, file: str | None) -> list[Row] | None:
        """Examples that every prompt shows, in this order; None if they are drawn from a dataset.

        Args:
            file: A local copy of the file that holds them, from the config's `examples.file`.

        Raises:
            ValueError: they cannot be had; the message says what to fetch and where to put it.
        """
        return None
