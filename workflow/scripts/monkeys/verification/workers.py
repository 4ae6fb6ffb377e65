"""Worker processes that answer requests, and pools of them shared by threads."""

import contextlib
import queue
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from monkeys.verification import frames


class WorkerDied(RuntimeError):
    """A worker exited, or was killed because it did not answer in time."""


class Child:
    """A child process with pipes to its standard input (`_requests`) and from its standard output (`_answers`).

    Args:
        command: Command line.
        environment: All of its environment variables.
        options: Further arguments of `subprocess.Popen`.
    """

    def __init__(self, command: list[str], environment: dict[str, str], **options: Any) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd="/", bufsize=0, **options
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class Worker(Child):
    """A child process that answers one request at a time; messages are those of `frames`."""

    def send(self, header: frames.Header, payload: bytes = b"") -> None:
        """Send a request.

        Raises:
            WorkerDied: the worker has exited.
        """
        try:
            frames.send(self._requests, header, payload)
        except BrokenPipeError:
            raise WorkerDied(f"a worker ended with status {self._process.wait()}") from None

    def receive(self, seconds: float) -> tuple[frames.Header, bytes]:
        """Wait for an answer: (header, payload).

        Raises:
            WorkerDied: the worker exited, or was killed because it did not answer within `seconds` (wall time).
        """
        answers = select.poll()
        answers.register(self._answers, select.POLLIN)
        if not answers.poll(1000 * seconds):
            self.close()
            raise WorkerDied(f"a worker did not answer within {seconds:g} s")
        try:
            return frames.receive(self._answers)
        except EOFError:
            raise WorkerDied(f"a worker ended with status {self._process.wait()}") from None

    def ask(self, header: frames.Header, payload: bytes = b"", seconds: float = 600) -> tuple[frames.Header, bytes]:
        """Send a request and wait for the answer."""
        self.send(header, payload)
        return self.receive(seconds)


class Closable(Protocol):
    """A member of a pool."""

    def close(self) -> None:
        """Release its resources."""


Member = TypeVar("Member", bound=Closable)


class Pool(Generic[Member]):
    """Members that threads borrow; a new one is created when none is free.

    Args:
        make: Creates a member.
    """

    def __init__(self, make: Callable[[], Member]) -> None:
        self._make = make
        self._free: queue.SimpleQueue[Member] = queue.SimpleQueue()

    @contextmanager
    def borrow(self) -> Iterator[Member]:
        """Borrow a member; after an exception it is closed and not reused."""
        try:
            member = self._free.get_nowait()
        except queue.Empty:
            member = self._make()
        try:
            yield member
        except BaseException:
            member.close()
            raise
        self._free.put(member)

    def close(self) -> None:
        """Close all members that are not borrowed."""
        while not self._free.empty():
            self._free.get_nowait().close()
