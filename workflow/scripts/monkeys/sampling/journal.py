"""An append-only record of finished requests, from which a killed job goes on.

A line per entry: the CRC-32 of the entry in hexadecimal, a space, and the entry as JSON. The first entry names the
settings they were made with; a journal of other settings is set aside, and taken up when those return. Whatever
a kill, a full disk or a damaged disk left behind, the lines before the first bad one count and the rest is drawn again.

Beside the journal lies its lock. It needs no support of the file system but exclusive creation, so it also holds on
NFS: its holder renews it all the time, and it can be taken over from a process that is known to be dead (same machine)
or that has not renewed it for `LEASE_SECONDS` (another machine).
"""

import json
import os
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn, TextIO

import filelock

from monkeys.storage import sync_folder

LEASE_SECONDS = 90.0
"""How long a holder of the lock on another machine is waited for without a sign of life. All holders agree on it."""

LOSSES = {
    "marker-missing": "its file is gone",
    "owner-changed": "another process took it over",
    "refresh-failed": "it could not be renewed for the time of a lease",
    "evicted": "another process took it over",
}
"""What the holder of a lock may see happen to it."""


class Journal:
    """The journal of one shard: locked, opened for reading what is there and for appending.

    Args:
        path: The file; its folder is made if missing.
        settings: Digest of everything that determines the distribution of the samples.
        about: What else its first line says, for those who look for what a journal set aside holds.
        sync_seconds: Entries reach the disk at the latest after this time, so that at most they are lost when the
            whole machine dies. A killed process loses nothing that was appended.
        console: Where a discarded or damaged journal is reported.

    Raises:
        RuntimeError: another process is at work on the shard.
    """

    def __init__(
        self,
        path: str | Path,
        settings: str,
        sync_seconds: float = 2.0,
        console: TextIO | None = None,
        about: dict[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._sync_seconds = sync_seconds
        self._synced = time.monotonic()
        self._lock = self._locked()
        self._seen_locked = time.monotonic()
        try:
            self._end = self._usable(settings, console or sys.stderr)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.ftruncate(self._file, self._end)
                if not self._end:
                    self.append({"settings": settings, **(about or {})})
                    sync_folder(self.path.parent)
            except BaseException:
                os.close(self._file)
                raise
        except BaseException:
            self._lock.release()
            raise

    def _locked(self) -> filelock.SoftFileLease:
        """The lock, taken; a holder that is still alive after the time of a lease keeps it."""
        lock = filelock.SoftFileLease(
            f"{self.path}.lock", lease_duration=LEASE_SECONDS, heartbeat_interval=LEASE_SECONDS / 6, poll_interval=0.2
        )
        try:
            lock.acquire(timeout=1.2 * LEASE_SECONDS)
        except filelock.Timeout:
            holder = lock.owner
            who = f"process {holder.pid} on {holder.hostname}" if holder else "another process"
            raise RuntimeError(
                f"{self.path}: {who} is at work on this shard; wait for it or end it, then run again"
            ) from None
        return lock

    def _usable(self, settings: str, console: TextIO) -> int:
        """Length of the part that can be continued: the good lines of a journal with our settings, else nothing."""

        def aside(name: str) -> Path:
            return self.path.with_name(f"{self.path.name}.{name}")

        if self.path.exists():
            with open(self.path, "rb") as file:
                first = next(_entries(file), None)
            if first is not None and first["settings"] != settings:
                other = aside(first["settings"][:8])
                print(f"NOTE {self.path}: of other settings, kept as {other.name}", file=console)
                self.path.replace(other)
        if aside(settings[:8]).exists() and not self.path.exists():  # back to settings of before
            aside(settings[:8]).replace(self.path)
        if not self.path.exists():
            return 0
        with open(self.path, "rb") as file:
            for _ in _entries(file):
                pass
            end = file.tell()
            rest = os.fstat(file.fileno()).st_size - end
            file.seek(end)
            if any(b"\n" in part for part in iter(lambda: file.read(1 << 20), b"")):  # a kill tears one line at most
                shutil.copy2(self.path, aside("damaged"))
                print(
                    f"WARNING {self.path}: damaged at byte {end}; what stands before is kept, the {rest} bytes "
                    f"from there on are drawn again (a copy of the whole file is in {aside('damaged').name})",
                    file=console,
                )
        return end

    def set_aside(self) -> list[Path]:
        """The shard's journals of other settings."""
        return sorted(self.path.parent.glob(f"{self.path.name}.????????"))

    def entries(self) -> Iterator[dict[str, Any]]:
        """All entries after the first line, read from the file one at a time."""
        return read_entries(self.path)

    def append(self, entry: dict[str, Any]) -> None:
        """Hand one entry to the operating system; every `sync_seconds` also to the disk.

        Raises:
            OSError: the disk is full or broken. All entries up to here stay as they were.
            RuntimeError: the lock was lost: another process took it, or it could not be renewed in time.
        """
        self._check_lock()
        data = json.dumps(entry, ensure_ascii=False).encode()
        line = b"%08x %b\n" % (zlib.crc32(data), data)
        try:
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
            self._end += written
            if time.monotonic() - self._synced > self._sync_seconds:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise OSError(
                error.errno,
                f"{error.strerror}; the journal is whole up to here, make room and run again",
                str(self.path),
            ) from None

    def _check_lock(self) -> None:
        """Never write after the lock was lost, also not when the whole process stood still for a while."""
        if (lost := self._lock.compromise) is not None:
            raise self._lost(f"{LOSSES[lost.reason]}{f' ({lost.error})' if lost.error else ''}")
        if time.monotonic() - self._seen_locked > self._lock.lease_duration / 3:
            self._look_at_lock()
            self._seen_locked = time.monotonic()

    def _look_at_lock(self) -> None:
        """See that the lock's file is still ours: by its token, for a machine may change its name while a job runs.

        What cannot be read for a moment, as on a network's disk, is looked at again for the time of a lease.
        """
        deadline = time.monotonic() + self._lock.lease_duration
        while True:
            try:
                marker = Path(self._lock.lock_file).read_text()
            except OSError as error:
                reason = f"its file cannot be read ({error.strerror})"
            else:
                if f"token={self._lock.token}\n" in marker:
                    return
                holder = self._lock.owner
                raise self._lost(f"process {holder.pid} on {holder.hostname} holds it" if holder else "it is damaged")
            if time.monotonic() > deadline:
                raise self._lost(reason)
            time.sleep(self._lock.lease_duration / 300)

    def _lost(self, reason: str) -> RuntimeError:
        return RuntimeError(f"{self.path}: the lock {self._lock.lock_file} was lost: {reason}; run again to go on")

    def close(self) -> None:
        """Bring everything to the disk, close the file and release the lock."""
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)
            self._lock.release()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_entries(path: str | Path) -> Iterator[dict[str, Any]]:
    """The good entries of a journal after its first line, one at a time; no lock is needed to look."""
    with open(path, "rb") as file:
        next(_entries(file), None)
        yield from _entries(file)


def read_header(path: str | Path) -> dict[str, Any]:
    """The first line of a journal; empty if it is damaged."""
    with open(path, "rb") as file:
        return next(_entries(file), {})


def _entries(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Good entries from the file's position on. Ends at the first bad line, with the position before it."""
    end = file.tell()
    while line := file.readline():
        checksum, _, data = line[:-1].partition(b" ")
        if line[-1:] != b"\n" or checksum != b"%08x" % zlib.crc32(data):
            break
        end += len(line)
        yield json.loads(data)
    file.seek(end)


@contextmanager
def unwinding(kept: Callable[[], str], console: TextIO | None = None) -> Iterator[None]:
    """Let SIGTERM, as Slurm sends it before a time limit, and SIGINT end the job by an exception that closes a journal.

    Args:
        kept: What is said of the work that is kept.
        console: Where it is said, beside the log.
    """
    previous = {number: signal.signal(number, _ended) for number in ENDING}
    try:
        yield
    except _Ended as end:  # the process is to end: it heeds no second signal on the way
        previous = {}
        words = f"ended by {end.signal.name} with {kept()}; run again to go on"
        print(words)  # in the log: a cluster may lose the last words of a job that it ends
        if console is not None:
            print(words, file=console)
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Ended(SystemExit):
    """The end of a job that was asked to end; its status is what a shell reports for the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number)


ENDING = (signal.SIGTERM, signal.SIGINT)
"""Signals that ask a job to end."""


def _ended(number: int, _: object) -> NoReturn:
    """End the job by the exception that unwinds everything.

    Whoever interrupts a whole group of processes may ask twice, and ends the engine's process, too: neither is news.
    """
    for repeated in ENDING:
        signal.signal(repeated, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    raise _Ended(number)
