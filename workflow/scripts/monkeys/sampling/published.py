"""Samples that others published, in the layout of the paper's own release.

A record is a problem: `samples` (texts), `is_corrects` (their published verdicts, in the same order) and the problem's
name in its dataset (`orig_dset_idx`, a row number, or `theorem_name`). Files are read one record at a time: those of
the paper hold a gigabyte, of which a record is some megabytes.
"""

from collections.abc import Iterator
from typing import Any

import ijson
import pyarrow.parquet as pq

from monkeys import hub
from monkeys.sources.imported import Record

PROBLEM_NAMES = ("orig_dset_idx", "theorem_name")
"""Columns that may name the problem; the first that a record has counts."""


def fetch(dataset: str, commit: str | None, subset: str | None, split: str) -> list[str]:
    """The data files of one split, downloaded into the Hugging Face cache if the dataset is on the hub.

    Args:
        dataset: Hub id, or a folder that `datasets.load_dataset` understands.
        commit: Which commit of the id; None for a folder.
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


def read_records(path: str) -> Iterator[dict[str, Any]]:
    """The records of a JSON file (an array, or one record a line) or a parquet file, one at a time."""
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


def _problem(record: dict[str, Any], where: str) -> str:
    """The name of a record's problem, once it is known to be a record as it should be."""
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
