"""Messages between a job and its worker processes: a small JSON object and some bytes.

Workers that run bare load this file too: standard library alone.
"""

import json
import os
import struct
from typing import Any

_SIZES = struct.Struct("<II")


def send(descriptor: int, header: dict[str, Any], payload: bytes = b"", follows: int = 0) -> None:
    """Write one message to a file descriptor; so many bytes of its payload follow by another way."""
    text = json.dumps(header).encode()
    data = memoryview(_SIZES.pack(len(text), len(payload) + follows) + text + payload)
    while data:
        data = data[os.write(descriptor, data) :]


def receive(descriptor: int) -> tuple[dict[str, Any], bytes]:
    """Read one message: (header, payload). Reads no byte of the next one.

    Raises:
        EOFError: the other side has gone.
    """
    header, size = head(descriptor)
    return header, read(descriptor, size)


def head(descriptor: int) -> tuple[dict[str, Any], int]:
    """Read a message up to its payload: (header, size of the payload)."""
    text, size = _SIZES.unpack(read(descriptor, _SIZES.size))
    return json.loads(read(descriptor, text)), size


def read(descriptor: int, size: int) -> bytes:
    """Read so many bytes."""
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
