"""A worker process that compares formulas: it loads computer algebra once and forks a child that does the work.

The child answers requests on the worker's own standard streams until one exceeds its memory limit or twice its CPU
limit, or crashes. The worker then answers in its place and forks the next child, which is as warm as the first. A
timeout below twice the CPU limit is uncertain, since system load may have caused it. No thread or signal handler is
involved, so a comparison that hangs inside a C library is killed too.
"""

import ctypes
import gc
import json
import logging
import mmap
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from monkeys.verification import frames

_OUT_OF_MEMORY = 99
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer requests until the standard input closes."""
    limits = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the job handles interrupts and closes its workers
    logging.disable(logging.WARNING)  # Math-Verify warns that its own time limits are off
    requests, answers = os.dup(0), os.dup(1)
    devnull = os.open(os.devnull, os.O_RDWR)
    os.dup2(devnull, 0)
    os.dup2(devnull, 1)  # discards output of libraries
    try:
        from monkeys.verification.answers import algebra

        algebra.self_test(limits["second_opinion"])
    except Exception as error:
        frames.send(answers, {"failure": f"{type(error).__name__}: {error}"})
        return
    frames.send(answers, {"ready": True})
    graders: dict[str, Callable[[str, str], bool]] = {
        "algebra": algebra.equivalent,
        "math_verify": algebra.math_verify_equivalent,
    }
    busy = mmap.mmap(-1, 1)  # shared with the child: whether a request is in progress
    gc.freeze()
    while True:
        child = os.fork()
        if not child:
            os.dup2(devnull, 2)
            _serve(requests, answers, graders, limits, busy)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            return
        if busy[0]:
            busy[0] = 0
            outcomes = {-signal.SIGPROF: "timeout", _OUT_OF_MEMORY: "memory_limit", -signal.SIGKILL: "verifier_error"}
            frames.send(answers, {"outcome": outcomes.get(code, "runtime_error"), "certain": code == -signal.SIGPROF})
        elif code > 0:
            raise SystemExit(f"a comparison process exited with status {code}")


def _serve(
    requests: int,
    answers: int,
    graders: dict[str, Callable[[str, str], bool]],
    limits: dict[str, float],
    busy: mmap.mmap,
) -> NoReturn:
    """In the forked child: answer requests; never return."""
    code = 1
    try:
        _confine(int(limits["memory_mb"]))
        while True:
            try:
                request, _ = frames.receive(requests)
            except EOFError:
                code = 0
                break
            busy[0] = 1
            signal.setitimer(signal.ITIMER_PROF, 2 * limits["cpu_seconds"])
            equal = graders[request["grader"]](request["answer"], request["gold"])
            remaining, _ = signal.setitimer(signal.ITIMER_PROF, 0)
            busy[0] = 0
            late = remaining < limits["cpu_seconds"]
            outcome = "timeout" if late else "correct" if equal else "wrong"
            frames.send(answers, {"outcome": outcome, "certain": not late})
    except MemoryError:
        code = _OUT_OF_MEMORY
    finally:
        os._exit(code)


def _confine(memory_mb: int) -> None:
    """Die with the worker or when the CPU timer expires; limit memory to `memory_mb` beyond what is loaded."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    loaded = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    memory = loaded + (memory_mb << 20)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    if hard_limit != resource.RLIM_INFINITY:
        memory = min(memory, hard_limit)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    main()
