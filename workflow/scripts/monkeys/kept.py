"""Finished samples, verdicts and rewards under a second name, in the folder `.kept` of the results.

Snakemake removes the output of every job that it starts, for whatever reason: a new modification time, changed
settings, one more problem. Samples are the most expensive part of a study, so files are identified by what they were
made from: a job reuses existing rows, problem by problem, even after settings were changed and restored, and in another
checkout.
"""

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self, TextIO

import pyarrow as pa

from monkeys.storage import (
    Provenance,
    Row,
    digest,
    naming_damaged_file,
    read_batches,
    read_provenance,
    read_table,
    replacing,
)

KEY = "made_from"
"""Key in a file's provenance for what it was made from."""


@dataclass(frozen=True)
class MadeFrom:
    """What the rows of a file depend on: shared settings, and for each problem what is its own."""

    settings: str
    """Digest of what all rows depend on."""
    problems: Mapping[str, str]
    """Digest of what the rows of a problem depend on besides, by problem id."""

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Self | None:
        """Read it from a file's provenance; None if it is not recorded there."""
        return cls(**provenance[KEY]) if KEY in provenance else None

    def as_provenance(self) -> Provenance:
        """Entry for a file's provenance."""
        return {KEY: {"settings": self.settings, "problems": dict(self.problems)}}

    def shared_problems(self, other: "MadeFrom | None") -> set[str]:
        """Ids of the problems whose rows can be reused from a file made from `other`."""
        if other is None or other.settings != self.settings:
            return set()
        return {problem for problem, own in self.problems.items() if other.problems.get(problem) == own}


def kept_path(results: str | Path, file: str | Path, made_from: MadeFrom) -> Path:
    """Path in `.kept` of a results file such as `samples/{task}/{model}/{shard}.parquet`."""
    key = digest(made_from.as_provenance())[:16]
    return Path(results, ".kept", Path(file).relative_to(results)).with_suffix(f".{key}.parquet")


def keep(results: str | Path, file: str | Path) -> None:
    """Keep a file, unless one made from the same is kept. A file that does not record what it was made from is skipped.

    Raises:
        ValueError: the file is damaged.
    """
    made_from = MadeFrom.of(read_provenance(file))
    if made_from is not None and not (path := kept_path(results, file, made_from)).exists():
        with replacing(path) as temporary:
            _link(file, temporary)


def restore(results: str | Path, file: str | Path, made_from: MadeFrom, console: TextIO | None = None) -> bool:
    """Put the kept file that was made from the same in place of `file`; returns whether one exists."""
    path = kept_path(results, file, made_from)
    if not path.exists():
        return False
    try:
        read_table(path)  # all of it, with its checksums
        if MadeFrom.of(read_provenance(path)) != made_from:
            return False
    except ValueError as damage:
        _discard(path, damage, console)
        return False
    with replacing(file) as temporary:
        _link(path, temporary)
        os.utime(temporary)  # an output must be newer than its inputs
    return True


def candidates(
    results: str | Path, file: str | Path, made_from: MadeFrom, console: TextIO | None = None
) -> Iterator[tuple[Path, set[str]]]:
    """Kept files of the same shard with the wanted problems in each; files with the most wanted problems first."""
    folder = kept_path(results, file, made_from).parent
    found = []
    for path in folder.glob(f"{Path(file).stem}.*.parquet"):
        try:
            shared = made_from.shared_problems(MadeFrom.of(read_provenance(path)))
        except ValueError as damage:
            _discard(path, damage, console)
            continue
        if shared:
            found.append((path, shared))
    yield from sorted(found, key=lambda one: (-len(one[1]), one[0].name))


def rows(results: str | Path, file: str | Path, made_from: MadeFrom, console: TextIO | None = None) -> Iterator[Row]:
    """Kept rows of the same problems; those of one problem come from one undamaged file."""
    found: set[str] = set()
    for path, shared in candidates(results, file, made_from, console):
        wanted = shared - found
        if not wanted:
            continue
        try:
            table = read_table(path)
        except ValueError as damage:
            _discard(path, damage, console)
            continue
        found |= wanted
        for batch in table.to_batches(4096):
            yield from (row for row in batch.to_pylist() if row["problem_id"] in wanted)


def text_digests(samples: str | Path) -> dict[str, str]:
    """Digest of the numbers and texts of a problem's samples, regardless of their order, by problem id.

    Raises:
        ValueError: the file is damaged.
    """
    sums: dict[str, int] = defaultdict(int)
    for batch in read_batches(samples, ["problem_id", "sample", "text"]):
        with naming_damaged_file(samples):
            problems, numbers = (batch.column(name).to_pylist() for name in ("problem_id", "sample"))
            texts = batch.column("text").cast(pa.binary()).to_pylist()
        for problem, number, text in zip(problems, numbers, texts, strict=True):
            sums[problem] += int.from_bytes(blake2b(text, digest_size=16, salt=b"%d" % number).digest())
    return {problem: f"{total % 2**128:032x}" for problem, total in sums.items()}


def _discard(path: Path, damage: ValueError, console: TextIO | None) -> None:
    print(f"WARNING {damage}; it was deleted and will be recreated", file=console or sys.stderr)
    path.unlink()


def _link(source: str | Path, target: Path) -> None:
    """Make a hard link, or a copy if the file system does not support them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
