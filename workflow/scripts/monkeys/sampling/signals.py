"""Ending a job on a signal, so that its journal is closed and nothing in it is lost."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

EXIT_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""Signals that ask a job to end."""


@contextmanager
def exit_on_signals(kept: Callable[[], str], console: TextIO | None = None) -> Iterator[None]:
    """Turn SIGTERM (which Slurm sends before a time limit) and SIGINT into an exception, so that journals are closed.

    Args:
        kept: Returns a description of the work that is kept, for the message.
        console: Where the message is printed, in addition to the log.
    """
    previous = {number: signal.signal(number, _exit) for number in EXIT_SIGNALS}
    try:
        yield
    except _SignalExit as end:  # the process is ending: a second signal stays ignored
        previous = {}
        message = f"ended by {end.signal.name} with {kept()}; run again to resume"
        print(message)  # in the log: a cluster may lose the last output of a job that it ends
        if console is not None:
            print(message, file=console)
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _SignalExit(SystemExit):
    """Exit because of a signal, with the status that a shell reports for it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number)


def _exit(number: int, _: object) -> NoReturn:
    """Signal handler: end the job by an exception.

    A signal to the whole process group may arrive twice and also ends the engine's process; both are ignored from here
    on.
    """
    for repeated in EXIT_SIGNALS:
        signal.signal(repeated, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    raise _SignalExit(number)


class Blocking:
    """Marks the time in which the event loop is blocked by a call that only an exception can end."""

    active = False

    def __enter__(self) -> None:
        Blocking.active = True

    def __exit__(self, *_: object) -> None:
        Blocking.active = False


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine, and cancel it at a signal that asks the job to end.

    A signal handler that raises inside a coroutine would not do: an HTTP client may replace its exception by another
    one. Only in a call that blocks the loop the handlers set before are called, which may raise.
    """
    signals: list[int] = []
    try:
        asyncio.run(_cancel_on_signal(work, signals))
    except asyncio.CancelledError:
        for number in signals[:1]:
            signal.raise_signal(number)
        raise


async def _cancel_on_signal(work: Coroutine[Any, Any, None], signals: list[int]) -> None:
    """Run a coroutine and cancel it at a signal that asks the job to end, which is appended to `signals`."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def cancel(number: int, frame: Any) -> None:
        handler = previous.get(number)
        if Blocking.active and callable(handler):
            handler(number, frame)
        signals.append(number)
        loop.call_soon_threadsafe(task.cancel)

    is_main = threading.current_thread() is threading.main_thread()  # only this thread gets signals
    previous: dict[int, Any] = {}
    if is_main:
        previous |= {number: signal.signal(number, cancel) for number in EXIT_SIGNALS}
    try:
        await work
    finally:
        for number, handler in previous.items():
            if signal.getsignal(number) is cancel:  # unless a signal is ending the process already
                signal.signal(number, handler)
