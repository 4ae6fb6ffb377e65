"""Append-only journal of finished requests, from which a killed job resumes.

Each line is one entry: its CRC-32 in hexadecimal, a space, and the entry as JSON. The first entry has the digest of
the settings; a journal with other settings is set aside and used again when those settings return. After a kill, a full
disk or disk damage, the lines before the first bad one count and the rest is drawn again.

Next to the journal is its lock file. It needs only exclusive creation from the file system, so it works on NFS too: the
holder renews it regularly, and it can be taken over from a process that is known to be dead (same machine) or that has
not renewed it for `LEASE_SECONDS` (another machine).
"""

import json
import os
import shutil
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TextIO

import filelock

from monkeys.storage import sync_folder

Entry = dict[str, Any]
"""An entry of a journal: the start of an engine, or samples of a problem."""

LEASE_SECONDS = 90.0
"""Time without renewal after which a lock held on another machine expires. All holders must use the same value."""

LOCK_LOSS_REASONS = {
    "marker-missing": "its file is gone",
    "owner-changed": "another process took it over",
    "refresh-failed": "it could not be renewed for the duration of the lease",
    "evicted": "another process took it over",
}
"""Explanations of filelock's reasons for a lost lock."""


class Journal:
    """The journal of one shard, locked and open for reading and appending.

    Args:
        path: The file; its folder is created if missing.
        settings: Digest of everything that determines the distribution of the samples.
        header: Further content of the first line, which tells what a journal that was set aside holds.
        sync_seconds: Maximum time until entries reach the disk: a machine crash loses at most these. A killed process
            loses nothing that was appended.
        console: Where a journal that is set aside or damaged is reported.

    Raises:
        RuntimeError: another process is working on the shard.
    """

    def __init__(
        self,
        path: str | Path,
        settings: str,
        sync_seconds: float = 2.0,
        console: TextIO | None = None,
        header: Entry | None = None,
    ) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._sync_seconds = sync_seconds
        self._synced = time.monotonic()
        self._lock = self._acquire_lock()
        self._lock_checked = time.monotonic()
        try:
            self._end = self._recover(settings, console or sys.stderr)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.ftruncate(self._file, self._end)
                if not self._end:
                    self.append({"settings": settings, **(header or {})})
                    sync_folder(self.path.parent)
            except BaseException:
                os.close(self._file)
                raise
        except BaseException:
            self._lock.release()
            raise

    def _acquire_lock(self) -> filelock.SoftFileLease:
        """Acquire the lock; fails if its holder is still alive after the duration of a lease."""
        lock = filelock.SoftFileLease(
            f"{self.path}.lock", lease_duration=LEASE_SECONDS, heartbeat_interval=LEASE_SECONDS / 6, poll_interval=0.2
        )
        try:
            lock.acquire(timeout=1.2 * LEASE_SECONDS)
        except filelock.Timeout:
            holder = lock.owner
            who = f"process {holder.pid} on {holder.hostname}" if holder else "another process"
            raise RuntimeError(
                f"{self.path}: {who} is working on this shard; wait for it or stop it, then run again"
            ) from None
        return lock

    def _recover(self, settings: str, console: TextIO) -> int:
        """Length of the part that can be continued: the good lines of a journal with these settings, else 0."""

        def aside(name: str) -> Path:
            return self.path.with_name(f"{self.path.name}.{name}")

        if self.path.exists():
            with open(self.path, "rb") as file:
                first = next(_entries(file), None)
            if first is not None and first["settings"] != settings:
                other = aside(first["settings"][:8])
                print(f"NOTE {self.path}: has other settings, kept as {other.name}", file=console)
                self.path.replace(other)
        if aside(settings[:8]).exists() and not self.path.exists():  # back to earlier settings
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
                    f"WARNING {self.path}: damaged at byte {end}; the samples before it are kept, those in the "
                    f"remaining {rest} bytes are drawn again (a copy of the whole file is in {aside('damaged').name})",
                    file=console,
                )
        return end

    def others(self) -> list[Path]:
        """The shard's journals with other settings, which were set aside."""
        return sorted(self.path.parent.glob(f"{self.path.name}.????????"))

    def entries(self) -> Iterator[Entry]:
        """All entries after the first line, read from the file one at a time."""
        return read_entries(self.path)

    def append(self, entry: Entry) -> None:
        """Write one entry; it is flushed to disk every `sync_seconds`.

        Raises:
            OSError: the disk is full or broken. All earlier entries stay intact.
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
                f"{error.strerror}; the journal is intact up to here; free some space and run again",
                str(self.path),
            ) from None

    def _check_lock(self) -> None:
        """Refuse to write after the lock was lost, also if the process was suspended for a while."""
        if (lost := self._lock.compromise) is not None:
            raise self._lost(f"{LOCK_LOSS_REASONS[lost.reason]}{f' ({lost.error})' if lost.error else ''}")
        if time.monotonic() - self._lock_checked > self._lock.lease_duration / 3:
            self._check_lock_file()
            self._lock_checked = time.monotonic()

    def _check_lock_file(self) -> None:
        """Check that the lock file is still ours, by its token, since a machine's name may change while a job runs.

        A file that cannot be read, as may happen on a network file system, is retried for the duration of a lease.
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
        return RuntimeError(f"{self.path}: the lock {self._lock.lock_file} was lost: {reason}; run again to resume")

    def close(self) -> None:
        """Flush to disk, close the file and release the lock."""
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)
            self._lock.release()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_entries(path: str | Path) -> Iterator[Entry]:
    """Good entries of a journal after its first line, one at a time. Reading needs no lock."""
    with open(path, "rb") as file:
        next(_entries(file), None)
        yield from _entries(file)


def read_header(path: str | Path) -> Entry:
    """First entry of a journal; empty if it is damaged."""
    with open(path, "rb") as file:
        return next(_entries(file), {})


def _entries(file: IO[bytes]) -> Iterator[Entry]:
    """Good entries from the file's position on; the position ends before the first bad line."""
    end = file.tell()
    while line := file.readline():
        checksum, _, data = line[:-1].partition(b" ")
        if line[-1:] != b"\n" or checksum != b"%08x" % zlib.crc32(data):
            break
        end += len(line)
        yield json.loads(data)
    file.seek(end)
