"""Runs programs for the sandbox: one warm interpreter that forks a fresh process for every run.

It is started as `python -I -S` and uses the standard library alone. It never sees an expected output, so a run can
neither read it nor write its own verdict.
"""

import atexit
import builtins
import contextlib
import fcntl
import gc
import mmap
import os
import resource
import select
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator
from typing import Any, NoReturn

sys.path[:0] = [os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))]
import frames
import isolation
import system_calls

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

LOOK = 5.0
"""Seconds between looks whether a run is awake: it uses at least a tenth of the CPU time that it could have."""

ASLEEP = 2
"""How often in a row it may be found asleep."""

THREADS = 256
"""How many threads a run may start, one after the other or at once: their memory in the kernel counts for no limit."""

_SEALS = 0xF  # no sealing, shrinking, growing or writing any more

UNREAD, READ, CONFINED, FREE = range(4)
"""How far a run is: it has read its program; it is confined; it could not be."""


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


def execute(source: bytes, end: bytes) -> None:
    """The forked process: run the program as an interpreter would, and print `end` at its last line; never return."""
    gc.enable()
    ours = open(1, "w", encoding="utf-8", errors="replace")
    sys.stdin, sys.stdout = open(0, encoding="utf-8", errors="replace", newline="\n"), ours
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace")
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{name}__", getattr(sys, name))
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    sys.argv = [main.__file__] = ["program.py"]
    vars(main)["__builtins__"] = builtins  # in a main program it is the module, elsewhere its dictionary
    code = 0
    try:
        program = compile(source, "program.py", "exec", dont_inherit=True)
    except BaseException:  # also MemoryError: the parser's word for what is nested too deeply
        os._exit(SYNTAX_ERROR)
    try:
        exec(program, main.__dict__)
        if end:
            os.write(1, end)
    except SystemExit as asked:
        code = EXCEPTION if asked.code else 0
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


class Watch:
    """Waits for runs, and decides on the threads that they want where there is a listener."""

    def __init__(self, listener: int | None) -> None:
        self._listener = listener
        self._threads = 0

    @contextlib.contextmanager
    def over(self, child: int) -> Iterator[None]:
        """Watch a new run."""
        self._threads = 0
        if self._listener is None:
            yield
            return
        process = isolation.open_process(child)
        self._events = select.poll()
        self._events.register(process, select.POLLIN)
        self._events.register(self._listener, select.POLLIN)
        try:
            yield
        finally:
            os.close(process)

    def wait(self, seconds: float) -> None:
        """Wait until the run has ended, or until so much time has passed, or less."""
        if self._listener is None:
            signal.sigtimedwait({signal.SIGCHLD}, seconds)
            return
        for file, _ in self._events.poll(1000 * seconds):
            if file == self._listener:
                self._threads += 1
                isolation.decide(file, allow=self._threads <= THREADS)


class Wakefulness:
    """Tells a run that sleeps from one that a busy machine keeps waiting.

    Args:
        child: The run's process id.
    """

    def __init__(self, child: int) -> None:
        self._clock = ~child << 3 | 2  # the process's CPU clock, as the C library names it
        self._looked = time.monotonic()
        self._used = 0.0
        self._asleep = 0

    def found_asleep(self) -> int:
        """Look; returns how often in a row it was asleep."""
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        with contextlib.suppress(OSError):  # it ended just now
            used = time.clock_gettime(self._clock)
            # where much more time has passed, this process stood still, too, as in a job that Slurm suspends
            sleeps = passed < 2 * LOOK and used - self._used < passed * share_of_a_core() / 10
            self._used, self._asleep = used, self._asleep + 1 if sleeps else 0
        return self._asleep


def share_of_a_core() -> float:
    """How much of a core a process like a run gets at the moment."""
    wall, cpu = time.monotonic(), time.process_time()
    while (used := time.process_time() - cpu) < 0.02:
        pass
    return used / (time.monotonic() - wall)


def await_end(child: int, limits: dict[str, Any], watch: Watch) -> tuple[int, float, str]:
    """Wait for a run: (its wait status, its CPU seconds, why it was ended: `asleep`, `slow` or nothing)."""
    start = time.monotonic()
    look, wakefulness, why = start + LOOK, Wakefulness(child), ""
    while True:
        watch.wait(max(0.0, look - time.monotonic()))
        ended, state, usage = os.wait4(child, os.WNOHANG)
        if not ended and time.monotonic() >= look:
            asleep = wakefulness.found_asleep() == ASLEEP
            look = time.monotonic() + LOOK
            why = "asleep" if asleep else "slow" if look - start > limits["wall_seconds"] else ""
        if why:
            os.kill(child, signal.SIGKILL)
            _, state, usage = os.wait4(child, 0)
        if ended or why:
            return os.waitstatus_to_exitcode(state), usage.ru_utime + usage.ru_stime, why


class Server:
    """What runs programs: inputs in memory, a filter for runs, and a page that it shares with the run.

    No program, input or output is ever in its memory, which every later run inherits.
    """

    def __init__(self, of_runs: bytes | None, listener: int | None, alone: bool) -> None:
        self._of_runs = of_runs
        self._watch = Watch(listener)
        self._alone = alone
        self._inputs: list[int] = []
        self._progress = mmap.mmap(-1, 1)

    def load(self, requests: int, sizes: list[int]) -> None:
        """Read inputs in place of those that there are."""
        for file in self._inputs:
            os.close(file)
        self._inputs = []
        for size in sizes:
            file = isolation.memory_file("input", sealable=True)
            isolation.move(requests, file, size)
            fcntl.fcntl(file, system_calls.ADD_SEALS, _SEALS)
            self._inputs.append(file)

    def run(self, requests: int, size: int, request: dict[str, Any]) -> tuple[dict[str, Any], int, int]:
        """Run the program that comes next in the requests: (what is to be told, the file of its output, its size)."""
        given, limits = request["input"], request["limits"]
        self._progress[0] = UNREAD
        os.lseek(self._inputs[given], 0, os.SEEK_SET)
        stdout = isolation.memory_file("stdout")
        child = os.fork()
        if not child:
            self._become_run(requests, size, request, stdout)
        with self._watch.over(child):
            code, cpu, why = await_end(child, limits, self._watch)
        if self._progress[0] == UNREAD:
            raise SystemExit("a run ended before it had read its program")  # what comes next is not a request
        if self._alone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # whatever else lives in our PID namespace
        printed = min(os.fstat(stdout).st_size, limits["output_bytes"])
        if self._progress[0] == FREE:
            return {"failure": "a run could not be confined"}, stdout, printed
        status, certain = outcome(code, cpu, why, printed, limits)
        told = {"status": status, "cpu_seconds": cpu, "certain": certain}
        return told, stdout, 0 if status in ("timeout", "output_limit") else printed

    def _become_run(self, requests: int, size: int, request: dict[str, Any], stdout: int) -> NoReturn:
        """The forked process: take the program and the limits, execute it, never return."""
        try:
            source = frames.read(requests, size)
            self._progress[0] = READ
            os.dup2(self._inputs[request["input"]], 0)
            os.dup2(stdout, 1)
            os.closerange(3, 1 << 16)
            confine(request["limits"], self._of_runs)
            self._progress[0] = CONFINED
            self._progress.close()
        except BaseException as error:
            if self._progress[0] == READ:
                self._progress[0] = FREE
                os.write(1, f"{type(error).__name__}: {error}".encode())
            os._exit(EXCEPTION)
        try:
            execute(source, request["end"].encode())
        finally:
            os._exit(EXCEPTION)


def outcome(code: int, cpu: float, why: str, printed: int, limits: dict[str, Any]) -> tuple[str, bool]:
    """How a run ended, and whether it would have ended so on an idle machine."""
    if why:
        return "timeout", why == "asleep"
    if code == -signal.SIGXCPU or cpu > 2 * limits["cpu_seconds"]:
        return "timeout", True
    if cpu > limits["cpu_seconds"]:
        return "timeout", False
    if printed >= limits["output_bytes"]:
        return "output_limit", True
    if code == -signal.SIGKILL:  # not a limit of ours: the machine is out of memory
        return "verifier_error", False
    return STATUS.get(code, "runtime_error"), True


def confined_server() -> tuple[bytes | None, int | None, bool]:
    """Take on the filter of the server: (the filter of runs, who is asked for threads, whether there is a filter)."""
    with contextlib.suppress(OSError):
        os.close(isolation.open_process(os.getpid()))
        if both := system_calls.filters(ask=True):
            return both[1], isolation.listen(both[0]), True
    if both := system_calls.filters(ask=False):
        isolation.install_filter(both[0])
        return both[1], None, True
    return None, None, False


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
    isolation.give_up_privileges()
    landlock = isolation.restrict_files(readable)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    of_runs, listener, seccomp = confined_server()
    server = Server(of_runs, listener, alone=namespaces != "none")
    gc.collect()
    gc.disable()
    gc.freeze()  # shared with every run, not copied

    found = {"landlock": landlock, "seccomp": seccomp, "threads_counted": listener is not None}
    frames.send(answers, {"namespaces": namespaces, **found})
    while True:
        try:
            request, size = frames.head(requests)
        except EOFError:
            return
        if "inputs" in request:
            server.load(requests, request["inputs"])
            continue
        told, output, printed = server.run(requests, size, request)
        frames.send(answers, told, follows=printed)
        os.lseek(output, 0, os.SEEK_SET)
        isolation.move(output, answers, printed)
        os.close(output)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3:])  # sys.argv[2] is a name by which we are known
