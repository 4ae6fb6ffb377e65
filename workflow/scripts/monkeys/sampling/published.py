"""Import published samples in the layout of the paper's release.

A record is a problem: `samples` (texts), `is_corrects` (their published verdicts, in the same order) and the problem's
name in its dataset (`orig_dset_idx`, a row number, or `theorem_name`). Files are read one record at a time: the paper's
files have a gigabyte, a record a few megabytes.
"""

from collections.abc import Iterator
from typing import Any

import ijson
import pyarrow.parquet as pq

from monkeys import hub
from monkeys.sources.imported import Record
from monkeys.storage import Row

PROBLEM_NAMES = ("orig_dset_idx", "theorem_name")
"""Columns that may name the problem; the first one that a record has is used."""


def fetch(dataset: str, commit: str | None, subset: str | None, split: str) -> list[str]:
    """Data files of one split, downloaded into the Hugging Face cache if the dataset is on the hub.

    Args:
        dataset: Hub id, or a folder that `datasets.load_dataset` can read.
        commit: Commit of the id; None for a folder.
        subset: The dataset's configuration name; None if it has only one.
        split: Name of the split.

    Raises:
        ValueError: the dataset has no such configuration or split.
    """
    import datasets

    builder = datasets.load_dataset_builder(str(hub.dataset(dataset, commit, [subset])), subset)
    files = builder.config.data_files or {}
    if split not in files:
        raise ValueError(f"published: {dataset} {subset} has no split {split}; it has {', '.join(map(str, files))}")
    return list(map(str, files[split]))


def read_records(path: str) -> Iterator[Row]:
    """Records of a JSON file (an array, or one record per line) or a parquet file, one at a time."""
    with open(path, "rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == b"PAR1":
            with pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20) as table:
                for batch in table.iter_batches(1):
                    yield from batch.to_pylist()
        else:
            array = start.lstrip()[:1] == b"["
            yield from ijson.items(file, "item" if array else "", multiple_values=not array)


def read_release(files: list[str]) -> Iterator[Record]:
    """The records of the published files of one task, checked.

    Raises:
        ValueError: a record that is not as described above.
    """
    records = ((path, record) for path in files for record in read_records(path))
    for number, (path, record) in enumerate(records, start=1):
        where = f"{path}, record {number}"
        problem = _problem(record, where)
        outcomes = [_outcome(correct, where) for correct in record["is_corrects"]]
        yield Record(problem, record["samples"], outcomes, where)


def _problem(record: Row, where: str) -> str:
    """Name of a record's problem; checks the record's layout."""
    missing = [column for column in ("samples", "is_corrects") if not isinstance(record.get(column), list)]
    name = next((str(record[column]) for column in PROBLEM_NAMES if record.get(column) is not None), None)
    if missing or name is None:
        wanted = ", ".join([*missing, *([] if name is not None else [" or ".join(PROBLEM_NAMES)])])
        raise ValueError(f"{where}: no {wanted}; it has {', '.join(record)}")
    return name


def _outcome(correct: Any, where: str) -> str:
    """Outcome of a published verdict; a missing one becomes `verifier_error`."""
    if correct is None:
        return "verifier_error"
    if not isinstance(correct, bool):
        raise ValueError(f"{where}: is_corrects holds {correct!r}, which is neither true nor false")
    return "correct" if correct else "wrong"
