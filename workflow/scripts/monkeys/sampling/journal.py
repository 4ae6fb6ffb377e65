"""An append-only record of finished requests, from which a killed sampling job goes on.

One JSON line per entry. The first names the settings the samples were drawn with; a journal of other settings is
not continued. A job killed in the middle of a write leaves a torn last line, which is dropped on opening.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monkeys.storage import sync_folder


class Journal:
    """The journal of one shard, opened for reading what is there and for appending.

    Args:
        path: The file; its folder is made if missing.
        settings: Digest of everything that determines the distribution of the samples.
        sync_seconds: Entries reach the disk at the latest after this time, so that at most they are lost when the
            whole machine dies. A killed process loses nothing that was appended.
    """

    def __init__(self, path: str | Path, settings: str, sync_seconds: float = 2.0) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._sync_seconds = sync_seconds
        self._synced = time.monotonic()
        kept = self._whole_bytes(settings)
        self._file = open(self.path, "ab")
        self._file.truncate(kept)
        if not kept:
            self.append({"settings": settings})
            sync_folder(self.path.parent)

    def _whole_bytes(self, settings: str) -> int:
        """Length of the part that can be continued: whole lines of a journal with our settings, else nothing."""
        if not self.path.exists():
            return 0
        end = 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(file):
                try:
                    entry = json.loads(line)
                except ValueError:
                    break
                if not line.endswith(b"\n") or (number == 0 and entry.get("settings") != settings):
                    break
                end += len(line)
        return end

    def entries(self) -> Iterator[dict[str, Any]]:
        """All entries after the first line, read from the file one at a time."""
        self._file.flush()
        with open(self.path, "rb") as file:
            next(file)
            for line in file:
                yield json.loads(line)

    def append(self, entry: dict[str, Any]) -> None:
        """Hand one entry to the operating system; every `sync_seconds` also to the disk."""
        self._file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        if time.monotonic() - self._synced > self._sync_seconds:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def close(self) -> None:
        """Bring everything to the disk and close the file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
