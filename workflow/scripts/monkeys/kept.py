"""Finished samples, verdicts and rewards under a second name, in `.kept` of the results.

Snakemake removes the output of a job that it starts, whatever its reason: a file that got a new time, settings that
changed, one more problem. Samples cost more than all the rest, so files are known by what they were made from: a job
takes up what is there already, problem by problem, also after settings changed and came back, and in another checkout.
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

from monkeys.storage import damage_named, digest, read_batches, read_provenance, read_table, replacing

KEY = "made_from"
"""Key of a file's provenance that says what it was made from."""


@dataclass(frozen=True)
class MadeFrom:
    """What the rows of a file depend on: all that is the same for its problems, and what each problem adds."""

    settings: str
    """Digest of what all rows depend on."""
    problems: Mapping[str, str]
    """Digest of what the rows of a problem depend on beside that, by the problem's id."""

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Self | None:
        """What a file's provenance says; None if it says nothing of it."""
        return cls(**provenance[KEY]) if KEY in provenance else None

    def noted(self) -> dict[str, Any]:
        """The entry of a file's provenance."""
        return {KEY: {"settings": self.settings, "problems": dict(self.problems)}}

    def shared(self, other: "MadeFrom | None") -> set[str]:
        """The problems whose rows are the same in a file that was made from something else."""
        if other is None or other.settings != self.settings:
            return set()
        return {problem for problem, about in self.problems.items() if other.problems.get(problem) == about}


def place(results: str | Path, file: str | Path, made_from: MadeFrom) -> Path:
    """Where a file of the results is kept, such as `samples/{task}/{model}/{shard}.parquet`."""
    which = digest(made_from.noted())[:16]
    return Path(results, ".kept", Path(file).relative_to(results)).with_suffix(f".{which}.parquet")


def keep(results: str | Path, file: str | Path) -> None:
    """Give a file its second name, if there is none made from the same; one that does not say from what is left alone.

    Raises:
        ValueError: the file is damaged.
    """
    made_from = MadeFrom.of(read_provenance(file))
    if made_from is not None and not (there := place(results, file, made_from)).exists():
        with replacing(there) as temporary:
            _link(file, temporary)


def restore(results: str | Path, file: str | Path, made_from: MadeFrom, console: TextIO | None = None) -> bool:
    """Put a kept file that was made from the same in its place; whether there was one."""
    there = place(results, file, made_from)
    if not there.exists():
        return False
    try:
        read_table(there)  # all of it, with its checksums
        if MadeFrom.of(read_provenance(there)) != made_from:
            return False
    except ValueError as damage:
        _drop(there, damage, console)
        return False
    with replacing(file) as temporary:
        _link(there, temporary)
        os.utime(temporary)  # an output must be newer than its inputs
    return True


def candidates(
    results: str | Path, file: str | Path, made_from: MadeFrom, console: TextIO | None = None
) -> Iterator[tuple[Path, set[str]]]:
    """Kept files of the same shard, and which problems in them are wanted; those with most of them first."""
    folder = place(results, file, made_from).parent
    found = []
    for there in folder.glob(f"{Path(file).stem}.*.parquet"):
        try:
            shared = made_from.shared(MadeFrom.of(read_provenance(there)))
        except ValueError as damage:
            _drop(there, damage, console)
            continue
        if shared:
            found.append((there, shared))
    yield from sorted(found, key=lambda one: (-len(one[1]), one[0].name))


def rows(
    results: str | Path, file: str | Path, made_from: MadeFrom, console: TextIO | None = None
) -> Iterator[dict[str, Any]]:
    """Kept rows of the same problems, each problem's from one file, of which nothing is damaged."""
    found: set[str] = set()
    for there, shared in candidates(results, file, made_from, console):
        wanted = shared - found
        if not wanted:
            continue
        try:
            table = read_table(there)
        except ValueError as damage:
            _drop(there, damage, console)
            continue
        found |= wanted
        for batch in table.to_batches(4096):
            yield from (row for row in batch.to_pylist() if row["problem_id"] in wanted)


def digests_of_texts(samples: str | Path) -> dict[str, str]:
    """What tells the samples of a problem from others, by the problem's id: their numbers and texts, in any order.

    Raises:
        ValueError: the file is damaged.
    """
    sums: dict[str, int] = defaultdict(int)
    for batch in read_batches(samples, ["problem_id", "sample", "text"]):
        with damage_named(samples):
            problems, numbers = (batch.column(name).to_pylist() for name in ("problem_id", "sample"))
            texts = batch.column("text").cast(pa.binary()).to_pylist()
        for problem, number, text in zip(problems, numbers, texts, strict=True):
            sums[problem] += int.from_bytes(blake2b(text, digest_size=16, salt=b"%d" % number).digest())
    return {problem: f"{total % 2**128:032x}" for problem, total in sums.items()}


def _drop(there: Path, damage: ValueError, console: TextIO | None) -> None:
    print(f"WARNING {damage}; what it held is made anew", file=console or sys.stderr)
    there.unlink()


def _link(source: str | Path, target: Path) -> None:
    """A second name for a file; a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
