"""Base class of all tasks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

Row = dict[str, Any]
"""A row of a dataset, by column."""


class Task:
    """Takes problems and worked examples from datasets; this class uses rows unchanged.

    A built-in task is a subclass named `Task` in its own module of `monkeys.tasks.builtin`.
    """

    settings: ClassVar[Mapping[str, Any]] = {}
    """Default values of the task's config keys."""
    columns: ClassVar[tuple[str, ...]] = ()
    """Required columns of the problems' dataset, which alone are read; empty to read all."""
    example_columns: ClassVar[tuple[str, ...]] = ()
    """The same for the examples' dataset."""
    solution_columns: ClassVar[tuple[str, ...]] = ()
    """Columns of the problems' dataset with known correct solutions; empty for none."""
    random_steps: ClassVar[tuple[int, int | None]] = (64, 10_000)
    """Draw that advances the random numbers after each problem: how many items out of how many (None: all examples).
    The published subsets of problems were drawn after the examples, so they depend on it."""
    Options: ClassVar[type[Any] | None] = None
    """Frozen dataclass of the task's own `options:`; None if it has none. Its `__post_init__` may raise a ValueError,
    which begins with the name of an option."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options: Any = self.Options(**(options or {})) if self.Options else None

    def files(self, subset: str | Sequence[str] | None) -> list[str] | None:
        """JSON Lines files that hold a subset's rows, in their order; None if the library `datasets` finds them.

        Raises:
            ValueError: there is no such subset.
        """
        return None

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """Problems among the rows of a split, with their row numbers, in the order used for drawing.

        Raises:
            ValueError: the rows are not those of this task's dataset.
        """
        yield from enumerate(rows)

    def example(self, row: Row) -> Row | None:
        """Worked example from a row, as prompts show it; None if the row is unsuitable."""
        return row

    def solutions(self, row: Row) -> list[str]:
        """Known correct solutions of a row's problem, as a model would write them."""
        return []

    def fixed_examples(self, file: str | None) -> list[Row] | None:
        """Examples that every prompt shows, in this order; None if they are drawn from a dataset.

        Args:
            file: Local copy of the file with the examples, from the config's `examples.file`.

        Raises:
            ValueError: they cannot be loaded; the message says which file to fetch and how to configure it.
        """
        return None
