"""CPU time and memory that a job uses, recorded next to its log.

Snakemake's benchmark files hold the last run of a job, and of processes only those that it happens to see alive. Here
every run of a job counts, also one that was killed, and so does every program that a verifier ran.
"""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from monkeys.storage import write_text

LOOK_SECONDS = 2.0
"""Polling interval, seconds; processes that live shorter may be missed."""
NOTE_SECONDS = 60.0
"""Interval between two records, seconds: a killed job lacks at most this."""

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
    start, over, tree = time.monotonic(), threading.Event(), ProcessTree(os.getpid())

    def look() -> None:
        tree.look()
        note["wall_seconds"] = round(time.monotonic() - start, 1)
        note["cpu_seconds"] = round(tree.cpu_seconds, 1)
        note["memory_mb"] = round(tree.peak_mb)

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


class ProcessTree:
    """A process and its descendants: the CPU seconds that they have used, and the peak of their resident memory, MiB.

    The kernel adds the time of an ended process to that of its parent, but only if the parent waits for it; so time is
    counted as it grows from look to look.
    """

    def __init__(self, process: int) -> None:
        self.cpu_seconds = self.peak_mb = 0.0
        self._root = psutil.Process(process)
        self._before: dict[int, tuple[int, float]] = {}

    def look(self) -> None:
        """Take in what has been used since the last look."""
        now, resident = self._members()
        growth = {member: seconds - self._before.get(member, (0, 0.0))[1] for member, (_, seconds) in now.items()}
        for member, (parent, seconds) in self._before.items():
            if member not in now and parent in growth:
                growth[parent] -= seconds  # counted while it ran
        self.cpu_seconds += sum(max(seconds, 0.0) for seconds in growth.values())
        self.peak_mb = max(self.peak_mb, resident / 2**20)
        self._before = now

    def _members(self) -> tuple[dict[int, tuple[int, float]], int]:
        """Parent and CPU seconds of each, with those of ended children that it waited for; resident bytes of all."""
        members, resident = {}, 0
        for process in [self._root, *self._root.children(recursive=True)]:
            with suppress(psutil.Error), process.oneshot():  # it has ended
                times = process.cpu_times()
                seconds = times.user + times.system + times.children_user + times.children_system
                resident += process.memory_info().rss
                members[process.pid] = process.ppid(), seconds
        return members, resident
