"""Files of the pipeline: streamed parquet, replaced atomically, with checksums and provenance."""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TEXT_ID = pa.dictionary(pa.int32(), pa.string())
"""Type of columns with few distinct values, such as problem ids and outcomes."""

SAMPLES = pa.schema(
    [
        ("problem_id", TEXT_ID),
        ("sample", pa.int32()),
        ("text", pa.string()),
        ("prompt_tokens", pa.int32()),
        ("tokens", pa.int32()),
        ("finish_reason", TEXT_ID),
        ("logprob", pa.float32()),
        ("reasoning", pa.string()),
        ("reasoning_tokens", pa.int32()),
        ("calls", pa.int32()),
        ("trace", pa.string()),
    ]
)
VERDICTS = pa.schema(
    [
        ("problem_id", TEXT_ID),
        ("sample", pa.int32()),
        ("outcome", TEXT_ID),
        ("answer", pa.string()),
        ("second_opinion", TEXT_ID),
    ]
)
REWARDS = pa.schema(
    [
        ("problem_id", TEXT_ID),
        ("sample", pa.int32()),
        ("reward", pa.float32()),
    ]
)

Row = dict[str, Any]
"""A row of a file, by column."""

Provenance = dict[str, Any]
"""What a file was made from, and how: JSON values, stored in its metadata."""

PROVENANCE_KEY = b"monkeys"

PARQUET_OPTIONS: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
"""Options for writing parquet with pyarrow or pandas; page checksums reveal a flipped bit when the page is read."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success flush it to disk and rename it to `path`.

    Readers see the old file or the whole new one, even after a power cut; an error leaves nothing behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"{os.strerror(error.errno)}; the file was not written; free some space and run again"
            raise OSError(error.errno, message, str(path)) from None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that files created or renamed in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def parquet_writer(
    path: str | Path,
    schema: pa.Schema,
    provenance: Provenance,
    group_rows: int = 20_000,
    group_characters: int = 64_000_000,
) -> Iterator[Callable[[Row], None]]:
    """Yield a function that adds a row to a zstd parquet file.

    Memory holds one row group, bounded in rows and characters. `provenance` (JSON values) goes into the file's metadata
    when it is closed, so it may be filled in while rows are added.
    """
    group: list[Row] = []
    characters = 0

    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema, **PARQUET_OPTIONS) as writer:

        def add(row: Row) -> None:
            nonlocal characters
            group.append(row)
            characters += sum(len(value) for value in row.values() if isinstance(value, str))
            if len(group) >= group_rows or characters >= group_characters:
                writer.write_table(pa.Table.from_pylist(group, schema))
                group.clear()
                characters = 0

        yield add
        writer.write_table(pa.Table.from_pylist(group, schema))
        writer.add_key_value_metadata({PROVENANCE_KEY: json.dumps(provenance, sort_keys=True).encode()})


def write_parquet(path: str | Path, schema: pa.Schema, rows: Iterable[Row], provenance: Provenance) -> int:
    """Stream rows into a parquet file (see `parquet_writer`); returns the number of rows."""
    written = 0
    with parquet_writer(path, schema, provenance) as add:
        for row in rows:
            add(row)
            written += 1
    return written


def read_batches(
    path: str | Path, columns: list[str] | None = None, batch_size: int = 4096
) -> Iterator[pa.RecordBatch]:
    """Record batches of a parquet file, one in memory at a time.

    Raises:
        ValueError: the file is damaged.
    """
    with naming_damaged_file(path):
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True)
    with file:
        # row group by row group: pyarrow cannot read more than 2 GiB of nested text, such as test cases, at once
        groups = range(file.num_row_groups)
        batches = chain.from_iterable(file.iter_batches(batch_size, [group], columns) for group in groups)
        while True:
            with naming_damaged_file(path):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


def read_rows(path: str | Path, columns: list[str] | None = None, batch_size: int = 4096) -> Iterator[Row]:
    """Rows of a parquet file as dicts, one batch in memory at a time.

    Raises:
        ValueError: the file is damaged.
    """
    for batch in read_batches(path, columns, batch_size):
        with naming_damaged_file(path):
            rows = batch.to_pylist()
        yield from rows


def read_table(path: str | Path, columns: list[str] | None = None) -> pa.Table:
    """Table of a parquet file, or of some columns; dictionary columns become plain strings.

    Raises:
        ValueError: the file is damaged.
    """
    with naming_damaged_file(path):
        table = pq.read_table(path, columns=columns, page_checksum_verification=True)
        plain = [
            field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
            for field in table.schema
        ]
        return table.cast(pa.schema(plain, table.schema.metadata))


def read_provenance(path: str | Path) -> Provenance:
    """Provenance stored in a parquet file; {} if it has none.

    Raises:
        ValueError: the file is damaged.
    """
    with naming_damaged_file(path):
        metadata = pq.read_metadata(path).metadata or {}
        return json.loads(metadata.get(PROVENANCE_KEY, b"{}"))


@contextmanager
def naming_damaged_file(path: str | Path) -> Iterator[None]:
    """Add the file name and the remedy to errors of the parquet libraries, which name only the damage."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and (error.errno is not None or type(error) is not OSError):
            raise  # such as a missing file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: damaged ({reason}); delete the file and run again to recreate it") from error


def write_text(path: str | Path, text: str) -> None:
    """Write a small text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def canonical(value: Any) -> str:
    """Canonical JSON text of a value (sorted keys, no spaces): equal values give equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical text of a JSON value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
