"""Messages between a job and its worker processes: a small JSON object and some bytes.

Workers that run bare load this file too: standard library alone.
"""

import json
import os
import struct
from typing import Any

_SIZES = struct.Struct("<II")


def send(descriptor: int, header: dict[str, Any], payload: bytes = b"") -> None:
    """Write one message to a file descriptor."""
    text = json.dumps(header).encode()
    data = memoryview(_SIZES.pack(len(text), len(payload)) + text + payload)
    while data:
        data = data[os.write(descriptor, data) :]


def receive(descriptor: int) -> tuple[dict[str, Any], bytes]:
    """Read one message: (header, payload). Reads no byte of the next one.

    Raises:
        EOFError: the other side has gone.
    """
    text, payload = _SIZES.unpack(_read(descriptor, _SIZES.size))
    data = _read(descriptor, text + payload)
    return json.loads(data[:text]), data[text:]


def _read(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
