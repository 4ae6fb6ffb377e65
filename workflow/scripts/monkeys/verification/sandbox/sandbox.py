"""One sandbox: a server process, the layers around it, and runs of programs in it."""

import itertools
import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monkeys.verification.workers import Worker, WorkerDied

HERE = Path(__file__).parent
_numbers = itertools.count()

SERVER_FILES = (HERE / "server.py", HERE / "isolation.py", HERE / "system_calls.py", HERE.parent / "frames.py")


class SandboxError(RuntimeError):
    """This machine cannot isolate programs."""


@dataclass(frozen=True)
class Limits:
    """What one run of a program may use."""

    cpu_seconds: float = 5
    memory_mb: int = 1024
    """Address space."""
    output_bytes: int = 16 << 20

    @property
    def wall_seconds(self) -> float:
        """A guard against programs that hardly do anything; CPU time decides, also on a busy machine."""
        return 60 + 20 * self.cpu_seconds


@dataclass(frozen=True)
class Run:
    """How a program ended on one input."""

    status: str
    """`finished`, `failed_assertion`, or an outcome."""
    output: bytes = b""
    """What it printed, where it finished or crashed."""
    cpu_seconds: float = 0.0
    certain: bool = True
    """False if system load may have affected the outcome."""


@dataclass(frozen=True)
class Layers:
    """What is put around the server."""

    bubblewrap: bool
    namespaces: bool
    network: bool
    """Whether the network gets a namespace of its own; some sites allow all others."""

    def command(self, label: str) -> list[str]:
        """How the server is started; its processes are known by the label."""
        python, readable = interpreter()
        start = [python, "-I", "-S", "-B", "-X", "int_max_str_digits=0"]
        if not self.bubblewrap:
            kind = "none" if not self.namespaces else "ours" if self.network else "shared-network"
            return [*start, str(SERVER_FILES[0]), kind, label, *readable]
        wrap = [
            shutil.which("bwrap") or "bwrap",
            "--unshare-user",
            "--uid",
            "65534",
            "--gid",
            "65534",
            "--cap-drop",
            "ALL",
        ]
        wrap += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        wrap += ["--unshare-net"] if self.network else []
        wrap += ["--die-with-parent", "--hostname", "sandbox", "--chdir", "/"]
        for path in readable:
            device = path.startswith("/dev/")
            wrap += ["--dev-bind-try" if device else "--ro-bind-try", path, path]
        for file in SERVER_FILES:
            wrap += ["--ro-bind", str(file), f"/server/{file.relative_to(HERE.parent)}"]
        wrap += ["--remount-ro", "/"]
        return [*wrap, "--", *start, "/server/sandbox/server.py", "given", label, *readable]


def interpreter() -> tuple[str, list[str]]:
    """The interpreter that runs programs, not the project's environment of it, and all that it must be able to read."""
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    base = {"installed_base": sys.base_prefix, "installed_platbase": sys.base_exec_prefix}
    libraries = [sysconfig.get_path(name, vars=base) for name in ("stdlib", "platstdlib")]
    places = [python, *libraries, f"{sys.base_prefix}/lib", "/usr/lib", "/usr/lib64", "/lib", "/lib64"]
    places += ["/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/null", "/dev/zero", "/dev/urandom"]
    return python, list(dict.fromkeys(places))


class Sandbox:
    """A server process that runs one program at a time, started again if it dies.

    Args:
        layers: What is put around it.
        limits: What each run may use; may be set anew between runs.

    Raises:
        WorkerDied, OSError: the machine does not allow these layers.
    """

    def __init__(self, layers: Layers, limits: Limits) -> None:
        self.label = f"sandbox-{os.getpid()}-{next(_numbers)}"
        self.starts = 0
        self._command = layers.command(self.label)
        self.limits = limits
        self._inputs: Sequence[bytes] = ()
        self._start()

    def _start(self) -> None:
        self.starts += 1
        self._server = Worker(self._command, {"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin", "TZ": "UTC", "HOME": "/"})
        self.started_with, _ = self._server.receive(seconds=60)
        self._send_inputs()

    def _send_inputs(self) -> None:
        self._server.send({"inputs": [len(data) for data in self._inputs]}, b"".join(self._inputs))

    def load(self, inputs: Sequence[bytes]) -> None:
        """Make these the inputs that runs can be given; nothing happens if they are already."""
        if inputs is not self._inputs:
            self._inputs = inputs
            try:
                self._send_inputs()
            except WorkerDied:
                self._server.close()
                self._start()

    def run(self, program: str, given: int, end: str = "") -> Run:
        """Run a program with the input of that number on its standard input.

        Args:
            program: Its source.
            given: The input's number.
            end: What is printed when its last line has been executed; it is not in the program's text.

        Raises:
            SandboxError: the machine does not allow the limits, though it did allow the layers.
        """
        source = program.encode("utf-8", "replace")
        wall = self.limits.wall_seconds
        limits = {**vars(self.limits), "wall_seconds": wall}
        for _ in range(2):
            try:
                answer, output = self._server.ask(
                    {"input": given, "limits": limits, "end": end}, source, seconds=60 + 2 * wall
                )
                if "failure" in answer:
                    raise SandboxError(f"{answer['failure']}: {output.decode(errors='replace')}")
                return Run(output=output, **answer)
            except WorkerDied:
                self._server.close()
                self._start()
        return Run("verifier_error", certain=False)

    def close(self) -> None:
        """End the server and everything in it."""
        self._server.close()
