"""Progress of a job: the job writes it to a file next to its log, and the run's console reads it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = ".progress"


class Note:
    """Progress counter of a job, written to a file if it has one."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.before = self.done = self.total = 0
        self._began = self._due = 0.0

    def begin(self, total: int, done: int = 0) -> None:
        """Set the total amount of work and the amount done by earlier runs."""
        self.before, self.done, self.total = done, done, total
        self._began = time.monotonic()
        self._write(self._began)

    def add(self, count: int) -> None:
        """Add to the amount done. The file is updated rarely, and more rarely the longer the job runs."""
        self.done += count
        if self.path and (now := time.monotonic()) >= self._due:
            self._write(now)

    def _write(self, now: float) -> None:
        self._due = now + min(max(0.5, (now - self._began) / 100), 10)
        if self.path:
            with suppress(OSError):  # a job must not fail because of its progress file
                # fixed width and never truncated, so that readers always see a whole line
                file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
                try:
                    os.write(file, f"{self.before:15} {self.done:15} {self.total:15}\n".encode())
                finally:
                    os.close(file)


@contextmanager
def progress_note(log: str | Path) -> Iterator[Note]:
    """Keep a progress file next to a job's log while the block runs."""
    path = Path(log).with_suffix(SUFFIX)
    try:
        yield Note(path)
    finally:
        with suppress(OSError):
            path.unlink()


def read(log: str | Path) -> tuple[int, int, int] | None:
    """Progress of the job with this log: done before this run, done, total; None if there is no progress file."""
    try:
        before, done, total = map(int, Path(log).with_suffix(SUFFIX).read_text().split())
    except (OSError, ValueError):
        return None
    return before, done, total


def remove(log: str | Path) -> None:
    """Remove the progress file that a killed job may have left."""
    with suppress(OSError):
        Path(log).with_suffix(SUFFIX).unlink()


def duration(seconds: float) -> str:
    """Format a duration: 12 s, 3 min, 2 h 5 min."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
