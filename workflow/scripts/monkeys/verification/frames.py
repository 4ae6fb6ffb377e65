"""Messages between a job and its worker processes: a small JSON header and a payload of bytes.

Bare interpreters load this file too, so it uses only the standard library.
"""

import json
import os
import struct
from typing import Any

Header = dict[str, Any]
"""A message's header: a JSON object."""

_SIZES = struct.Struct("<II")


def send(descriptor: int, header: Header, payload: bytes = b"", trailing_bytes: int = 0) -> None:
    """Write one message to a file descriptor; the caller then writes `trailing_bytes` more bytes of its payload."""
    text = json.dumps(header).encode()
    data = memoryview(_SIZES.pack(len(text), len(payload) + trailing_bytes) + text + payload)
    while data:
        data = data[os.write(descriptor, data) :]


def receive(descriptor: int) -> tuple[Header, bytes]:
    """Read exactly one message: (header, payload).

    Raises:
        EOFError: the other side has closed the connection.
    """
    header, size = receive_header(descriptor)
    return header, read_exactly(descriptor, size)


def receive_header(descriptor: int) -> tuple[Header, int]:
    """Read a message up to its payload: (header, size of the payload)."""
    header_size, size = _SIZES.unpack(read_exactly(descriptor, _SIZES.size))
    return json.loads(read_exactly(descriptor, header_size)), size


def read_exactly(descriptor: int, size: int) -> bytes:
    """Read `size` bytes; EOFError if the stream ends before."""
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
