"""Worker processes that answer requests, and a pool of them shared by threads."""

import contextlib
import queue
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from monkeys.verification import frames


class WorkerDied(RuntimeError):
    """A worker ended, or did not answer in time and was ended."""


class Child:
    """A child process with pipes to its standard input (`_requests`) and from its standard output (`_answers`).

    Args:
        command: How it is started.
        environment: All of its environment variables.
        options: More for `subprocess.Popen`.
    """

    def __init__(self, command: list[str], environment: dict[str, str], **options: Any) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd="/", bufsize=0, **options
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class Worker(Child):
    """A child process that answers one request at a time, in frames."""

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Send a request.

        Raises:
            WorkerDied: it has ended.
        """
        try:
            frames.send(self._requests, header, payload)
        except BrokenPipeError:
            raise WorkerDied(f"a worker ended with status {self._process.wait()}") from None

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Wait for an answer: its header and its bytes.

        Raises:
            WorkerDied: it ended, or did not answer within `seconds` (wall time) and was ended.
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

    def ask(self, header: dict[str, Any], payload: bytes = b"", seconds: float = 600) -> tuple[dict[str, Any], bytes]:
        """Send a request and wait for the answer."""
        self.send(header, payload)
        return self.receive(seconds)


class Closable(Protocol):
    """What a pool holds."""

    def close(self) -> None:
        """End it."""


Member = TypeVar("Member", bound=Closable)


class Pool(Generic[Member]):
    """Members that threads borrow; one is made when none is free.

    Args:
        make: Makes a member.
    """

    def __init__(self, make: Callable[[], Member]) -> None:
        self._make = make
        self._free: queue.SimpleQueue[Member] = queue.SimpleQueue()

    @contextmanager
    def member(self) -> Iterator[Member]:
        """Borrow a member; one that raised an error is closed and not used again."""
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
        """Close the members that nobody has borrowed."""
        while not self._free.empty():
            self._free.get_nowait().close()
