"""How far a job is: it notes it beside its log, and the console of the run reads it there."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ENDING = ".progress"


class Note:
    """Counts what is done of a job's work; without a file it only counts."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.before = self.done = self.total = 0
        self._began = self._due = 0.0

    def begin(self, total: int, done: int = 0) -> None:
        """Say how much there is to do, and how much of it an earlier run has done."""
        self.before, self.done, self.total = done, done, total
        self._began = time.monotonic()
        self._write(self._began)

    def add(self, count: int) -> None:
        """Count what has been done; written down seldom, and ever more so the longer the job runs."""
        self.done += count
        if self.path and (now := time.monotonic()) >= self._due:
            self._write(now)

    def _write(self, now: float) -> None:
        self._due = now + min(max(0.5, (now - self._began) / 100), 10)
        if self.path:
            with suppress(OSError):  # no job fails because of its notes
                # Of one width and never truncated: whoever reads finds all of it.
                file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
                try:
                    os.write(file, f"{self.before:15} {self.done:15} {self.total:15}\n".encode())
                finally:
                    os.close(file)


@contextmanager
def noted(log: str | Path) -> Iterator[Note]:
    """A note beside a job's log, for as long as the block runs."""
    path = Path(log).with_suffix(ENDING)
    try:
        yield Note(path)
    finally:
        with suppress(OSError):
            path.unlink()


def read(log: str | Path) -> tuple[int, int, int] | None:
    """What a job has noted beside its log: done before, done, to do; None if there is no note."""
    try:
        before, done, total = map(int, Path(log).with_suffix(ENDING).read_text().split())
    except (OSError, ValueError):
        return None
    return before, done, total


def forget(log: str | Path) -> None:
    """Remove the note that a killed job may have left."""
    with suppress(OSError):
        Path(log).with_suffix(ENDING).unlink()


def duration(seconds: float) -> str:
    """A time for people: 12 s, 3 min, 2 h 5 min."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
