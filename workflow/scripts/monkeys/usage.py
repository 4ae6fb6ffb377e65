"""CPU time and memory of a job, recorded next to its log.

Snakemake's benchmark files cover only the last run of a job, and only processes that it happens to see alive. These
records include every run of a job, killed ones too, and every program that a verifier ran.
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

POLL_SECONDS = 2.0
"""Polling interval, s; shorter-lived processes may be missed."""
RECORD_SECONDS = 60.0
"""Interval between two writes of the record, s; at most this is missing for a killed job."""

SUFFIX = ".usage.jsonl"


@contextmanager
def record_usage(
    log: str | Path, rule: str, wildcards: Mapping[str, str], threads: int, resources: Mapping[str, Any]
) -> Iterator[None]:
    """Record next to a job's log what this process and its descendants use until the block ends.

    The file has one line of JSON for every run of the job: rule, wildcards, the requested resources (threads, gpu,
    mem_mb, runtime in minutes), started (UTC), wall_seconds, cpu_seconds and memory_mb (peak resident memory, MiB). The
    last line is updated while the job runs.
    """
    path = Path(log).with_suffix(SUFFIX)
    earlier = path.read_text() if path.exists() else ""
    record: dict[str, object] = {"rule": rule, **dict(wildcards.items()), "threads": threads}
    record |= {key: resources.get(key) for key in ("gpu", "mem_mb", "runtime")}
    if gres := resources.get("gres"):  # gpu:h100:2
        record["gpu"] = int(gres.rpartition(":")[2])
    record |= {"started": datetime.now(UTC).isoformat(timespec="seconds")}
    record |= {"wall_seconds": 0.0, "cpu_seconds": 0.0, "memory_mb": 0}
    start, stopped, tree = time.monotonic(), threading.Event(), ProcessTree(os.getpid())

    def poll() -> None:
        tree.poll()
        record["wall_seconds"] = round(time.monotonic() - start, 1)
        record["cpu_seconds"] = round(tree.cpu_seconds, 1)
        record["memory_mb"] = round(tree.peak_mb)

    def write() -> None:
        with suppress(OSError):  # a job must not fail because of its usage record
            write_text(path, earlier + json.dumps(record) + "\n")

    def watch() -> None:
        written = -RECORD_SECONDS
        while True:
            poll()
            if time.monotonic() - written >= RECORD_SECONDS:
                write()
                written = time.monotonic()
            if stopped.wait(POLL_SECONDS):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stopped.set()
        watcher.join()
        poll()
        write()


class ProcessTree:
    """CPU time (s) and peak resident memory (MiB) of a process and its descendants.

    The kernel adds the CPU time of an ended process to its parent only if the parent waits for it, so time is summed
    from the growth between polls.
    """

    def __init__(self, process: int) -> None:
        self.cpu_seconds = self.peak_mb = 0.0
        self._root = psutil.Process(process)
        self._before: dict[int, tuple[int, float]] = {}

    def poll(self) -> None:
        """Add what was used since the last poll."""
        now, resident = self._members()
        growth = {member: seconds - self._before.get(member, (0, 0.0))[1] for member, (_, seconds) in now.items()}
        for member, (parent, seconds) in self._before.items():
            if member not in now and parent in growth:
                growth[parent] -= seconds  # counted while it ran
        self.cpu_seconds += sum(max(seconds, 0.0) for seconds in growth.values())
        self.peak_mb = max(self.peak_mb, resident / 2**20)
        self._before = now

    def _members(self) -> tuple[dict[int, tuple[int, float]], int]:
        """Parent and CPU seconds of each process, with those of children it waited for; resident bytes of all."""
        members, resident = {}, 0
        for process in [self._root, *self._root.children(recursive=True)]:
            with suppress(psutil.Error), process.oneshot():  # it has ended
                times = process.cpu_times()
                seconds = times.user + times.system + times.children_user + times.children_system
                resident += process.memory_info().rss
                members[process.pid] = process.ppid(), seconds
        return members, resident
