"""Finished samples under a second name, in `.samples` of the results, where Snakemake does not delete them.

Snakemake removes the output of a job that it starts, whatever its reason: a file that got a new time, settings that
changed. Samples cost more than all the rest, so they are known by what they are: a job whose samples are there already
takes them up again, also after settings changed and came back, and in another checkout.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import TextIO

from monkeys.storage import read_provenance, read_table, replacing


def place(samples: str | Path, settings: str) -> Path:
    """Where samples of these settings (`Shard.settings`) are kept, given `…/samples/{task}/{model}/{shard}.parquet`."""
    results, _, task, model, shard = Path(samples).parents[3], *Path(samples).parts[-4:]
    return results / ".samples" / task / model / f"{Path(shard).stem}.{settings[:16]}.parquet"


def keep(samples: str | Path) -> None:
    """Give a samples file its second name, if samples of its settings have none; one that names none is left alone.

    Raises:
        ValueError: the file is damaged.
    """
    settings = read_provenance(samples).get("settings")
    if settings is not None and not (there := place(samples, settings)).exists():
        with replacing(there) as temporary:
            _link(samples, temporary)


def restore(samples: str | Path, settings: str, console: TextIO | None = None) -> bool:
    """Put kept samples of these settings in their place; whether there were any."""
    there = place(samples, settings)
    if not there.exists():
        return False
    try:
        read_table(there)  # all of it, with its checksums
        if read_provenance(there).get("settings") != settings:
            return False
    except ValueError as damage:
        print(f"WARNING {damage}; the shard is drawn anew", file=console or sys.stderr)
        there.unlink()
        return False
    with replacing(samples) as temporary:
        _link(there, temporary)
        os.utime(temporary)  # an output must be newer than its inputs
    return True


def _link(source: str | Path, target: Path) -> None:
    """A second name for a file; a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
