"""What a job uses of the machine it runs on, noted beside its log.

Snakemake's benchmark files hold the last run of a job, and of processes only those that it happens to see alive. Here
every run of a job counts, also one that was killed, and so does every program that a verifier ran.
"""

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monkeys.storage import write_text

LOOK_SECONDS = 2.0
"""Time between two looks at processes; what is only there in between may be missed."""
NOTE_SECONDS = 60.0
"""Time between two notes: at most this is missing of a job that was killed."""

ENDING = ".usage.jsonl"


@contextmanager
def usage_noted(
    log: str | Path, rule: str, wildcards: Mapping[str, str], threads: int, resources: Mapping[str, Any]
) -> Iterator[None]:
    """Note beside a job's log what this process and its descendants use until the block ends.

    The file has one line of JSON for every run of the job: rule, wildcards and what was requested (threads, gpu,
    mem_mb, runtime in minutes), started (UTC), wall_seconds, cpu_seconds and memory_mb (peak of the resident memory,
    MiB). The last line is renewed while the job runs.
    """
    path = Path(log).with_suffix(ENDING)
    earlier = path.read_text() if path.exists() else ""
    note: dict[str, Any] = {"rule": rule, **dict(wildcards.items()), "threads": threads}
    note |= {key: resources.get(key) for key in ("gpu", "mem_mb", "runtime")}
    if gres := resources.get("gres"):  # gpu:h100:2
        note["gpu"] = int(gres.rpartition(":")[2])
    note |= {"started": datetime.now(UTC).isoformat(timespec="seconds")}
    note |= {"wall_seconds": 0.0, "cpu_seconds": 0.0, "memory_mb": 0}
    start, over, family = time.monotonic(), threading.Event(), Family(os.getpid())

    def look() -> None:
        family.look()
        note["wall_seconds"] = round(time.monotonic() - start, 1)
        note["cpu_seconds"] = round(family.cpu_seconds, 1)
        note["memory_mb"] = round(family.peak_mb)

    def write() -> None:
        with suppress(OSError):  # no job fails because of its notes
            write_text(path, earlier + json.dumps(note) + "\n")

    def watch() -> None:
        written = -NOTE_SECONDS
        while True:
            look()
            if time.monotonic() - written >= NOTE_SECONDS:
                write()
                written = time.monotonic()
            if over.wait(LOOK_SECONDS):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        look()
        write()


class Family:
    """A process and its descendants: the CPU seconds that they have used, and the peak of their resident memory, MiB.

    The kernel adds the time of an ended process to that of its parent, but only if the parent waits for it; so time is
    counted as it grows from look to look.
    """

    def __init__(self, process: int) -> None:
        self.process = process
        self.cpu_seconds = self.peak_mb = 0.0
        self._before: dict[int, tuple[int, int]] = {}

    def look(self) -> None:
        """Take in what has been used since the last look."""
        now, pages = self._members()
        growth = {member: ticks - self._before.get(member, (0, 0))[1] for member, (_, ticks) in now.items()}
        for member, (parent, ticks) in self._before.items():
            if member not in now and parent in growth:
                growth[parent] -= ticks  # counted while it ran
        self.cpu_seconds += sum(max(ticks, 0) for ticks in growth.values()) / os.sysconf("SC_CLK_TCK")
        self.peak_mb = max(self.peak_mb, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
        self._before = now

    def _members(self) -> tuple[dict[int, tuple[int, int]], int]:
        """Parent and clock ticks of each, with those of ended children that were waited for; their resident pages."""
        stats, children = {}, defaultdict(list)
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                member, parent = int(folder.name), int(fields[1])
                children[parent].append(member)
                stats[member] = (
                    parent,
                    sum(map(int, fields[11:15])),
                    int(fields[21]),
                )  # utime, stime, cutime, cstime; rss
        family = [self.process]
        for member in family:
            family += children[member]
        known = [member for member in family if member in stats]
        return {member: stats[member][:2] for member in known}, sum(stats[member][2] for member in known)
