"""Runs programs for the sandbox: one warm interpreter that forks a fresh process for every run.

It is started as `python -I -S` and uses the standard library alone. It never sees an expected output, so a run can
neither read it nor write its own verdict.
"""

import atexit
import builtins
import contextlib
import fcntl
import gc
import os
import resource
import signal
import sys
import threading
import time
import types
from typing import Any

sys.path[:0] = [os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))]
import frames
import isolation

del sys.path[:2]

PRELOADED = (
    *("array", "bisect", "collections", "copy", "decimal", "fractions", "functools", "heapq", "io", "itertools"),
    *("math", "operator", "random", "re", "string", "typing"),
)
"""What programs often import; a run gets it for nothing."""

WARM_UP = b"""
def function(x):
    return [sum(map(int, str(y).split())) for y in range(x)]
class Class:
    pass
x = sorted({f"{y}": y for y in function(3)}.items())
"""
"""A program for the server itself: what the compiler and the interpreter set up on first use, runs then find done."""

SYNTAX_ERROR, MEMORY_ERROR, EXCEPTION, FAILED_ASSERTION = 101, 102, 103, 104
"""Exit codes by which a run says how its program ended."""

STATUS = {
    0: "finished",
    SYNTAX_ERROR: "syntax_error",
    MEMORY_ERROR: "memory_limit",
    FAILED_ASSERTION: "failed_assertion",
}

ASLEEP = 10.0
"""Seconds in which a run that is awake uses at least a hundredth as much CPU time, however busy the machine."""

_ADD_SEALS, _SEALS = 1033, 0xF  # of fcntl: no sealing, shrinking, growing or writing any more


def confine(limits: dict[str, Any], seccomp: bytes | None) -> None:
    """The forked process: take on the limits of a run."""
    isolation.die_with_parent()
    memory = limits["memory_mb"] << 20
    # The kernel's limits are behind the decision, which is taken on the time that was used.
    most = int(2 * limits["cpu_seconds"]) + 1
    for what, limit in (
        (resource.RLIMIT_CPU, (most, most + 1)),
        (resource.RLIMIT_AS, (memory, memory)),
        (resource.RLIMIT_FSIZE, (limits["output_bytes"], limits["output_bytes"])),
        (resource.RLIMIT_NOFILE, (64, 64)),
        (resource.RLIMIT_CORE, (0, 0)),
    ):
        resource.setrlimit(what, limit)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if seccomp:
        isolation.install_filter(seccomp)


def execute(source: bytes) -> None:
    """The forked process: run the program as an interpreter would, never return."""
    gc.enable()
    ours = open(1, "w", encoding="utf-8", errors="replace")
    sys.stdin, sys.stdout = open(0, encoding="utf-8", errors="replace"), ours
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace")
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{name}__", getattr(sys, name))
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    sys.argv = ["program.py"]
    code = 0
    try:
        program = compile(source, "program.py", "exec", dont_inherit=True)
    except BaseException:  # also MemoryError: the parser's word for what is nested too deeply
        os._exit(SYNTAX_ERROR)
    try:
        exec(program, main.__dict__)
    except SystemExit as end:
        code = EXCEPTION if end.code else 0
    except MemoryError:
        code = MEMORY_ERROR
    except AssertionError:
        code = FAILED_ASSERTION
    except BaseException:
        code = EXCEPTION
    try:
        # What an interpreter does at its end, in its order; objects may write what they hold when they are deleted.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        flush(sys.stdout, ours)
        sys.modules.pop("__main__", None)
        del main
        gc.collect()
        flush(sys.stdout, ours)
    except MemoryError:
        code = code or MEMORY_ERROR
    except BaseException:
        code = code or EXCEPTION
    os._exit(code)


def flush(*streams: Any) -> None:
    """Write out what these hold, unless the program closed them."""
    for stream in streams:
        if not getattr(stream, "closed", False):
            stream.flush()


def await_end(child: int, limits: dict[str, Any]) -> tuple[int, float, bool]:
    """Wait for a run: (its wait status, its CPU seconds, whether it had to be ended because it slept)."""
    clock = ~child << 3 | 2  # the process's CPU clock, as the C library names it
    start = time.monotonic()
    look, seen = start + ASLEEP, 0.0
    while True:
        signal.sigtimedwait({signal.SIGCHLD}, max(0.0, look - time.monotonic()))
        ended, state, usage = os.wait4(child, os.WNOHANG)
        asleep = False
        if not ended and time.monotonic() >= look:
            look = time.monotonic() + ASLEEP
            with contextlib.suppress(OSError):  # it ended just now
                used = time.clock_gettime(clock)
                asleep = used - seen < ASLEEP / 100 or look - start > limits["wall_seconds"]
                seen = used
        if asleep:
            os.kill(child, signal.SIGKILL)
            _, state, usage = os.wait4(child, 0)
        if ended or asleep:
            return os.waitstatus_to_exitcode(state), usage.ru_utime + usage.ru_stime, asleep


def run(
    source: bytes, given: int, limits: dict[str, Any], seccomp: bytes | None, alone: bool
) -> tuple[str, bytes, float, bool]:
    """Run one program on one input: (status, output, CPU seconds, whether it would be the same on an idle machine)."""
    os.lseek(given, 0, os.SEEK_SET)
    stdout = os.memfd_create("stdout")
    child = os.fork()
    if not child:
        try:
            os.dup2(given, 0)
            os.dup2(stdout, 1)
            os.closerange(3, 1 << 16)
            confine(limits, seccomp)
        except BaseException:
            os.kill(os.getpid(), signal.SIGKILL)  # no way to end that a program has
        try:
            execute(source)
        finally:
            os._exit(EXCEPTION)
    code, cpu, asleep = await_end(child, limits)
    if alone:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # whatever else lives in our PID namespace
    output = os.pread(stdout, limits["output_bytes"], 0)
    os.close(stdout)
    if asleep:
        return "timeout", b"", cpu, False
    if code == -signal.SIGXCPU or cpu > 2 * limits["cpu_seconds"]:
        return "timeout", b"", cpu, True
    if cpu > limits["cpu_seconds"]:
        return "timeout", b"", cpu, False
    if len(output) >= limits["output_bytes"]:
        return "output_limit", b"", cpu, True
    if code == -signal.SIGKILL:  # not a limit of ours: the machine is out of memory, or the run could not be confined
        return "verifier_error", b"", cpu, False
    return STATUS.get(code, "runtime_error"), output, cpu, True


def sealed(data: bytes) -> int:
    """A file in memory that nobody can change any more."""
    file = os.memfd_create("input", os.MFD_ALLOW_SEALING)
    with open(file, "wb", closefd=False) as whole:
        whole.write(data)
    fcntl.fcntl(file, _ADD_SEALS, _SEALS)
    return file


def main(namespaces: str, readable: list[str]) -> None:
    """Answer requests on the standard streams until they close.

    Args:
        namespaces: `ours` (enter them, with a network of our own), `shared-network`, `given` (we are in them
            already) or `none`.
        readable: Paths that runs may read.
    """
    isolation.die_with_parent()
    os.setsid()  # no terminal
    if namespaces in ("ours", "shared-network"):
        isolation.enter_namespaces(network=namespaces == "ours")
    requests, answers = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    for name in PRELOADED:
        __import__(name)
    vars(builtins).update(exit=sys.exit, quit=sys.exit)  # which the module `site` gives to every program
    exec(compile(WARM_UP, "warm_up.py", "exec"), {})
    open(os.devnull, encoding="utf-8", errors="replace").close()
    isolation.no_new_privileges()
    landlock = isolation.restrict_files(readable)
    of_all, of_runs = isolation.seccomp_filters() or (None, None)
    if of_all:
        isolation.install_filter(of_all)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    gc.collect()
    gc.disable()
    gc.freeze()  # shared with every run, not copied

    frames.send(answers, {"namespaces": namespaces, "landlock": landlock, "seccomp": of_all is not None})
    inputs: list[int] = []
    while True:
        try:
            request, payload = frames.receive(requests)
        except EOFError:
            return
        if "inputs" in request:
            for file in inputs:
                os.close(file)
            inputs, start = [], 0
            for size in request["inputs"]:
                inputs.append(sealed(payload[start : start + size]))
                start += size
            continue
        status, output, cpu, certain = run(
            payload, inputs[request["input"]], request["limits"], of_runs, namespaces != "none"
        )
        frames.send(answers, {"status": status, "cpu_seconds": cpu, "certain": certain}, output)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3:])  # sys.argv[2] is a name by which we are known
