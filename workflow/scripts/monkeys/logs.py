"""Send a job's output to its log file and keep the console for messages to the user."""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def logging_to(path: str | Path) -> Iterator[TextIO]:
    """Redirect standard output and error, including those of child processes, to `path`; yields the console.

    An error goes to the log with its traceback and to the console as one line. An interrupt does not count as an error.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # keeps the order with output of children
    with (
        os.fdopen(os.dup(2), "w", buffering=1) as console,
        open(path, "w", buffering=1) as log,
    ):
        kept = os.dup(1), os.dup(2)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield console
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=console)
            with suppress(OSError):  # the disk may be full
                traceback.print_exc()
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            print("ended by SIGINT")
            raise SystemExit(128 + signal.SIGINT) from None
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError):
                    stream.flush()
            for descriptor, original in zip((1, 2), kept, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
