"""Rows of datasets: from the Hugging Face hub at one commit, or from a local folder in the hub's layout."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from monkeys import hub, tasks
from monkeys.study.task import Task
from monkeys.tasks.task import Row


class Dataset:
    """One split of a dataset.

    Args:
        name: Hub id, or a folder in the hub's layout.
        commit: Commit of the id; None for a folder.
        subset: Name of the configuration, or names of several, whose rows are concatenated; None if it has only one.
        split: Name of the split.
        files: JSON Lines files that hold its rows, for a dataset that only a script in its repository can load; None
            if the library `datasets` finds them.
    """

    def __init__(
        self,
        name: str,
        commit: str | None,
        subset: str | Sequence[str] | None,
        split: str,
        files: Sequence[str] | None = None,
    ) -> None:
        self.name, self.commit, self.split, self.files = name, commit, split, files
        self.subsets = [subset] if subset is None or isinstance(subset, str) else list(subset)

    def rows(self, columns: Sequence[str] = ()) -> Iterator[Row]:
        """All rows in the dataset's order, one at a time.

        Args:
            columns: The columns to read; empty for all.

        Raises:
            NotAvailable: the dataset cannot be downloaded.
            ValueError: it has no such configuration, split or columns, has no rows, or cannot be read.
        """
        if self.files is not None:
            yield from self._rows_of_files(self.files, columns)
            return
        folder = hub.dataset(self.name, self.commit, self.subsets)
        for subset in self.subsets:
            where = f"dataset {' '.join([self.name, *([subset] if subset else [])])}, split {self.split}"
            try:
                yield from self._rows(str(folder), subset, columns)
            except (ValueError, pa.ArrowException) as error:
                # for an unknown configuration or split, the message lists the existing ones
                hint = f"; a file {self.split}.jsonl would be this split" if "Bad split" in str(error) else ""
                raise ValueError(f"{where}: {error}{hint if self.commit is None else ''}") from None
            except RuntimeError as error:
                if not isinstance(error.__cause__, StopIteration):
                    raise
                raise ValueError(f"{where}: it has no rows") from None

    def _rows(self, folder: str, subset: str | None, columns: Sequence[str]) -> Iterator[Row]:
        """Rows of one configuration."""
        import datasets

        # streamed: otherwise it converts all columns to a copy that may be ten times as large
        table = datasets.load_dataset(folder, subset, split=self.split, streaming=True)
        if table.features:  # do not open image or audio files that a row may name
            table = table.decode(False)
        available = table.column_names or []
        if missing := [column for column in columns if column not in available]:
            raise ValueError(
                f"no column {', '.join(missing)}; it has {', '.join(available)}; required are {', '.join(columns)}"
            )
        yield from table.select_columns(list(columns)) if columns else table

    def _rows_of_files(self, files: Sequence[str], columns: Sequence[str]) -> Iterator[Row]:
        """Rows of JSON Lines files, of which no others are downloaded."""
        folder = Path(self.name)
        if self.commit is not None:
            folder = hub.fetch("dataset", self.name, self.commit, allow_patterns=list(files))
        for file in files:
            where = f"dataset {self.name}, file {file}"
            if not (folder / file).is_file():
                raise ValueError(f"{where}: there is no such file")
            with (folder / file).open() as lines:
                for number, line in enumerate(lines, 1):
                    try:
                        row = json.loads(line)
                        yield {column: row[column] for column in columns or row}
                    except (ValueError, TypeError) as error:
                        raise ValueError(f"{where}, line {number}: {error}") from None
                    except KeyError as error:
                        raise ValueError(f"{where}, line {number}: no column {error.args[0]}") from None


Reader = Callable[[str, Sequence[str]], Iterator[Row]]
"""Function that returns the rows of a task's `problems` or `examples` with the given columns."""


class TaskData:
    """The datasets of a task, at the commits that the study is pinned to.

    Args:
        task: The task's config.
        results: The study's results folder, which holds the pinned commits.
    """

    def __init__(self, task: Task, results: str) -> None:
        self._task, self._results = task, results
        keys = ("dataset", "revision", "subset", "split")
        self._problems = {key: getattr(task, key) for key in keys}
        own = {key: getattr(task.examples, key) for key in keys}
        if own["dataset"] is None:
            own |= {key: self._problems[key] for key in ("dataset", "revision")}
            own["subset"] = own["subset"] or self._problems["subset"]
        self._examples = own
        self.provenance: dict[str, dict[str, object]] = {}
        """Dataset, revision and commit of everything that was read."""

    def __call__(self, which: str, columns: Sequence[str]) -> Iterator[Row]:
        """Rows of `problems` or `examples`."""
        source = self._problems if which == "problems" else self._examples
        commit = hub.commit_of("dataset", source["dataset"], source["revision"], self._results)
        self.provenance[which] = {**source, "commit": commit}
        kind = tasks.load(self._task.base, self._task.options)
        files = kind.files(source["subset"]) if which == "problems" else None
        return Dataset(source["dataset"], commit, source["subset"], source["split"], files).rows(columns)
