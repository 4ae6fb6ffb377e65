"""The sandbox's server: one warm interpreter that forks a fresh process for every run.

It is started as `python -I -S` and uses only the standard library. It never sees expected outputs, so a run can
neither read them nor forge its verdict.
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
from typing import Any, NamedTuple, NoReturn

sys.path[:0] = [os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))]
import frames
import isolation
import system_calls

del sys.path[:2]

PRELOADED = (
    *("array", "bisect", "collections", "copy", "decimal", "fractions", "functools", "heapq", "io", "itertools"),
    *("math", "operator", "random", "re", "string", "typing"),
)
"""Modules that programs often import; runs inherit them already loaded."""

WARM_UP = b"""
def function(x):
    return [sum(map(int, str(y).split())) for y in range(x)]
class Class:
    pass
x = sorted({f"{y}": y for y in function(3)}.items())
"""
"""Program that the server itself executes, so that first-use setup of the interpreter precedes every fork."""

SYNTAX_ERROR, MEMORY_ERROR, EXCEPTION, FAILED_ASSERTION = 101, 102, 103, 104
"""Exit codes by which a run reports how its program ended."""

STATUS = {
    0: "finished",
    SYNTAX_ERROR: "syntax_error",
    MEMORY_ERROR: "memory_limit",
    FAILED_ASSERTION: "failed_assertion",
}

CHECK_SECONDS = 5.0
"""Seconds between checks for sleep. A run sleeps if it uses less than a tenth of the CPU time available to it."""

MAX_ASLEEP = 2
"""Consecutive checks that find a run asleep before it is killed."""

MAX_THREADS = 256
"""Threads that a run may start in total: no limit covers the kernel memory they use."""

_SEALS = 0xF  # F_SEAL_SEAL, _SHRINK, _GROW and _WRITE

STARTED, PROGRAM_READ, CONFINED, UNCONFINED = range(4)
"""Progress of a run: forked; program read; confined; confinement failed."""


class Limits(NamedTuple):
    """Resource limits of one run, as in a request."""

    cpu_seconds: float
    memory_mb: int
    output_bytes: int
    wall_seconds: float


def confine_run(limits: Limits, seccomp: bytes | None) -> None:
    """In the forked process: apply the limits of a run."""
    isolation.die_with_parent()
    memory = limits.memory_mb << 20
    # The kernel's limit is only a backstop; the outcome is decided by the CPU time used.
    cpu_limit = int(2 * limits.cpu_seconds) + 1
    for kind, limit in (
        (resource.RLIMIT_CPU, (cpu_limit, cpu_limit + 1)),
        (resource.RLIMIT_AS, (memory, memory)),
        (resource.RLIMIT_FSIZE, (limits.output_bytes, limits.output_bytes)),
        (resource.RLIMIT_NOFILE, (64, 64)),
        (resource.RLIMIT_CORE, (0, 0)),
    ):
        resource.setrlimit(kind, limit)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if seccomp:
        isolation.install_filter(seccomp)


def execute(source: bytes, end_marker: bytes) -> None:
    """In the forked process: run the program as an interpreter would, print `end_marker` after it; never return."""
    gc.enable()
    stdout = open(1, "w", encoding="utf-8", errors="replace")
    sys.stdin, sys.stdout = open(0, encoding="utf-8", errors="replace", newline="\n"), stdout
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace")
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{name}__", getattr(sys, name))
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    sys.argv = [main.__file__] = ["program.py"]
    vars(main)["__builtins__"] = builtins  # the module in a main program, its dictionary in others
    code = 0
    try:
        program = compile(source, "program.py", "exec", dont_inherit=True)
    except BaseException:  # includes MemoryError, which the parser raises for source nested too deeply
        os._exit(SYNTAX_ERROR)
    try:
        exec(program, main.__dict__)
        if end_marker:
            os.write(1, end_marker)
    except SystemExit as request:
        code = EXCEPTION if request.code else 0
    except MemoryError:
        code = MEMORY_ERROR
    except AssertionError:
        code = FAILED_ASSERTION
    except BaseException:
        code = EXCEPTION
    try:
        # Interpreter shutdown, in its usual order; finalizers may still write buffered output.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        flush(sys.stdout, stdout)
        sys.modules.pop("__main__", None)
        del main
        gc.collect()
        flush(sys.stdout, stdout)
    except MemoryError:
        code = code or MEMORY_ERROR
    except BaseException:
        code = code or EXCEPTION
    os._exit(code)


def flush(*streams: Any) -> None:
    """Flush streams that the program has not closed."""
    for stream in streams:
        if not getattr(stream, "closed", False):
            stream.flush()


class Watcher:
    """Waits for runs and, with a seccomp listener, limits the threads that they start."""

    def __init__(self, listener: int | None) -> None:
        self._listener = listener
        self._threads = 0

    @contextlib.contextmanager
    def watching(self, child: int) -> Iterator[None]:
        """Watch a new run inside the `with` block."""
        self._threads = 0
        if self._listener is None:
            yield
            return
        process = isolation.open_pidfd(child)
        self._events = select.poll()
        self._events.register(process, select.POLLIN)
        self._events.register(self._listener, select.POLLIN)
        try:
            yield
        finally:
            os.close(process)

    def wait(self, seconds: float) -> None:
        """Wait until the run ends, for at most `seconds`; may return earlier."""
        if self._listener is None:
            signal.sigtimedwait({signal.SIGCHLD}, seconds)
            return
        for file, _ in self._events.poll(1000 * seconds):
            if file == self._listener:
                self._threads += 1
                isolation.answer_notification(file, allow=self._threads <= MAX_THREADS)


class SleepDetector:
    """Distinguishes a run that sleeps from one that waits for a busy CPU.

    Args:
        child: Process id of the run.
    """

    def __init__(self, child: int) -> None:
        self._clock = ~child << 3 | 2  # id of the process's CPU clock, as in clock_getcpuclockid
        self._checked_at = time.monotonic()
        self._cpu_used = 0.0
        self._asleep_count = 0

    def check(self) -> int:
        """Check once; returns the number of consecutive checks that found the run asleep."""
        now = time.monotonic()
        elapsed, self._checked_at = now - self._checked_at, now
        with contextlib.suppress(OSError):  # the run has just ended
            cpu_used = time.clock_gettime(self._clock)
            # after a much longer interval, this process was stopped too, e.g. in a job suspended by Slurm
            is_asleep = (
                elapsed < 2 * CHECK_SECONDS and cpu_used - self._cpu_used < elapsed * available_core_share() / 10
            )
            self._cpu_used, self._asleep_count = cpu_used, self._asleep_count + 1 if is_asleep else 0
        return self._asleep_count


def available_core_share() -> float:
    """Fraction of a core that a busy process currently gets."""
    wall, cpu = time.monotonic(), time.process_time()
    while (used := time.process_time() - cpu) < 0.02:
        pass
    return used / (time.monotonic() - wall)


def wait_for_exit(child: int, limits: Limits, watcher: Watcher) -> tuple[int, float, str]:
    """Wait for a run: (exit code, CPU seconds, reason why it was killed: `asleep`, `slow` or empty)."""
    start = time.monotonic()
    next_check, sleep_detector, reason = start + CHECK_SECONDS, SleepDetector(child), ""
    while True:
        watcher.wait(max(0.0, next_check - time.monotonic()))
        ended, state, usage = os.wait4(child, os.WNOHANG)
        if not ended and time.monotonic() >= next_check:
            asleep = sleep_detector.check() == MAX_ASLEEP
            next_check = time.monotonic() + CHECK_SECONDS
            reason = "asleep" if asleep else "slow" if next_check - start > limits.wall_seconds else ""
        if reason:
            os.kill(child, signal.SIGKILL)
            _, state, usage = os.wait4(child, 0)
        if ended or reason:
            return os.waitstatus_to_exitcode(state), usage.ru_utime + usage.ru_stime, reason


class Server:
    """Runs programs, with inputs in memory files, a seccomp filter for runs, and one byte shared with the current run.

    Its own memory, which every later run inherits, never holds a program, input or output.
    """

    def __init__(self, run_filter: bytes | None, listener: int | None, owns_pid_namespace: bool) -> None:
        self._run_filter = run_filter
        self._watcher = Watcher(listener)
        self._owns_pid_namespace = owns_pid_namespace
        self._inputs: list[int] = []
        self._progress = mmap.mmap(-1, 1)

    def load(self, requests: int, sizes: list[int]) -> None:
        """Read new inputs that replace the current ones."""
        for file in self._inputs:
            os.close(file)
        self._inputs = []
        for size in sizes:
            file = isolation.create_memory_file("input", sealable=True)
            isolation.splice(requests, file, size)
            fcntl.fcntl(file, system_calls.ADD_SEALS, _SEALS)
            self._inputs.append(file)

    def run(
        self, requests: int, size: int, input_index: int, limits: Limits, end_marker: bytes
    ) -> tuple[frames.Header, int, int]:
        """Run the program that follows in the request stream: (answer, descriptor of its output, bytes to return)."""
        self._progress[0] = STARTED
        stdin = self._inputs[input_index]
        os.lseek(stdin, 0, os.SEEK_SET)
        stdout = isolation.create_memory_file("stdout")
        child = os.fork()
        if not child:
            self._run_child(requests, size, stdin, stdout, limits, end_marker)
        with self._watcher.watching(child):
            code, cpu, kill_reason = wait_for_exit(child, limits, self._watcher)
        if self._progress[0] == STARTED:
            raise SystemExit("a run ended before it had read its program")  # the request stream is out of step
        if self._owns_pid_namespace:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # everything else in this PID namespace
        output_size = min(os.fstat(stdout).st_size, limits.output_bytes)
        if self._progress[0] == UNCONFINED:
            return {"failure": "a run could not be confined"}, stdout, output_size
        status, certain = outcome(code, cpu, kill_reason, output_size, limits)
        answer = {"status": status, "cpu_seconds": cpu, "certain": certain}
        return answer, stdout, 0 if status in ("timeout", "output_limit") else output_size

    def _run_child(
        self, requests: int, size: int, stdin: int, stdout: int, limits: Limits, end_marker: bytes
    ) -> NoReturn:
        """In the forked process: read the program, apply the limits, execute it; never return."""
        try:
            source = frames.read_exactly(requests, size)
            self._progress[0] = PROGRAM_READ
            os.dup2(stdin, 0)
            os.dup2(stdout, 1)
            os.closerange(3, 1 << 16)
            confine_run(limits, self._run_filter)
            self._progress[0] = CONFINED
            self._progress.close()
        except BaseException as error:
            if self._progress[0] == PROGRAM_READ:
                self._progress[0] = UNCONFINED
                os.write(1, f"{type(error).__name__}: {error}".encode())
            os._exit(EXCEPTION)
        try:
            execute(source, end_marker)
        finally:
            os._exit(EXCEPTION)


def outcome(code: int, cpu: float, kill_reason: str, output_size: int, limits: Limits) -> tuple[str, bool]:
    """(status of a run, whether it is certain, i.e. the same on an idle machine)."""
    if kill_reason:
        return "timeout", kill_reason == "asleep"
    if code == -signal.SIGXCPU or cpu > 2 * limits.cpu_seconds:
        return "timeout", True
    if cpu > limits.cpu_seconds:
        return "timeout", False
    if output_size >= limits.output_bytes:
        return "output_limit", True
    if code == -signal.SIGKILL:  # none of our limits: the machine is out of memory
        return "verifier_error", False
    return STATUS.get(code, "runtime_error"), True


def confine_server() -> tuple[bytes | None, int | None, bool]:
    """Install the server's seccomp filter: (filter for runs, listener for new threads, whether seccomp is active)."""
    with contextlib.suppress(OSError):
        os.close(isolation.open_pidfd(os.getpid()))
        if filters := system_calls.filters(notify=True):
            return filters[1], isolation.install_filter_with_listener(filters[0]), True
    if filters := system_calls.filters(notify=False):
        isolation.install_filter(filters[0])
        return filters[1], None, True
    return None, None, False


def main(namespaces: str, readable: list[str]) -> None:
    """Answer requests on the standard streams until they close.

    Args:
        namespaces: `ours` (enter new ones, network included), `shared-network` (all but network), `given` (already
            inside them) or `none`.
        readable: Paths that runs may read.
    """
    isolation.die_with_parent()
    os.setsid()  # no terminal
    if namespaces in ("ours", "shared-network"):
        isolation.enter_namespaces(network=namespaces == "ours")
    requests, answers = os.dup(0), os.dup(1)
    devnull = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(devnull, stream)
    for name in PRELOADED:
        __import__(name)
    vars(builtins).update(exit=sys.exit, quit=sys.exit)  # normally added by the module `site`
    exec(compile(WARM_UP, "warm_up.py", "exec"), {})
    open(os.devnull, encoding="utf-8", errors="replace").close()
    isolation.drop_privileges()
    landlock = isolation.restrict_files(readable)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    run_filter, listener, seccomp = confine_server()
    server = Server(run_filter, listener, owns_pid_namespace=namespaces != "none")
    gc.collect()
    gc.disable()
    gc.freeze()  # keeps pages shared with runs instead of copied

    layers = {"landlock": landlock, "seccomp": seccomp, "threads_counted": listener is not None}
    frames.send(answers, {"namespaces": namespaces, **layers})
    while True:
        try:
            request, size = frames.receive_header(requests)
        except EOFError:
            return
        if "inputs" in request:
            server.load(requests, request["inputs"])
            continue
        answer, output, output_size = server.run(
            requests, size, request["input"], Limits(**request["limits"]), request["end"].encode()
        )
        frames.send(answers, answer, trailing_bytes=output_size)
        os.lseek(output, 0, os.SEEK_SET)
        isolation.splice(output, answers, output_size)
        os.close(output)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3:])  # sys.argv[2] labels the process
