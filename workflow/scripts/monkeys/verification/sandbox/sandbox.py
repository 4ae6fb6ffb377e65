"""A sandbox: a server process, the isolation around it, and runs of programs in it."""

import itertools
import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monkeys.verification.verifier import Settings
from monkeys.verification.workers import Worker, WorkerDied

HERE = Path(__file__).parent
_label_numbers = itertools.count()

SERVER_FILES = (HERE / "server.py", HERE / "isolation.py", HERE / "system_calls.py", HERE.parent / "frames.py")


class SandboxError(RuntimeError):
    """This machine cannot isolate programs."""


@dataclass(frozen=True)
class Limits:
    """Resource limits of one run of a program."""

    cpu_seconds: float = Settings.cpu_seconds
    memory_mb: int = Settings.memory_mb
    """Address space, MiB."""
    output_bytes: int = 16 << 20

    @property
    def wall_seconds(self) -> float:
        """Wall-time limit for mostly idle programs; otherwise CPU time decides, even on a busy machine."""
        return 60 + 20 * self.cpu_seconds


@dataclass(frozen=True)
class Run:
    """Result of running a program on one input."""

    status: str
    """`finished`, `failed_assertion`, or an outcome."""
    output: bytes = b""
    """Standard output, if it finished or crashed."""
    cpu_seconds: float = 0.0
    certain: bool = True
    """False if system load may have affected the outcome."""


@dataclass(frozen=True)
class IsolationLevel:
    """Isolation around the server."""

    bubblewrap: bool
    namespaces: bool
    network: bool
    """Whether the network has its own namespace; some sites forbid only this one."""

    def command(self, label: str) -> list[str]:
        """Command that starts the server; the label identifies its processes."""
        python, readable = interpreter()
        start = [python, "-I", "-S", "-B", "-X", "int_max_str_digits=0"]
        if not self.bubblewrap:
            mode = "none" if not self.namespaces else "ours" if self.network else "shared-network"
            return [*start, str(SERVER_FILES[0]), mode, label, *readable]
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
    """The base interpreter that runs programs (outside the project's environment), and the paths it must read."""
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    base = {"installed_base": sys.base_prefix, "installed_platbase": sys.base_exec_prefix}
    libraries = [sysconfig.get_path(name, vars=base) for name in ("stdlib", "platstdlib")]
    readable = [python, *libraries, f"{sys.base_prefix}/lib", "/usr/lib", "/usr/lib64", "/lib", "/lib64"]
    readable += ["/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/null", "/dev/zero", "/dev/urandom"]
    return python, list(dict.fromkeys(readable))


class Sandbox:
    """A server process that runs one program at a time; restarted if it dies.

    Args:
        level: Isolation around the server.
        limits: Limits of each run; may be changed between runs.

    Raises:
        WorkerDied, OSError: this machine does not support the isolation level.
    """

    def __init__(self, level: IsolationLevel, limits: Limits) -> None:
        self.label = f"sandbox-{os.getpid()}-{next(_label_numbers)}"
        self.starts = 0
        self._command = level.command(self.label)
        self.limits = limits
        self._inputs: Sequence[bytes] = ()
        self._start()

    def _start(self) -> None:
        self.starts += 1
        self._server = Worker(self._command, {"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin", "TZ": "UTC", "HOME": "/"})
        self.active_layers, _ = self._server.receive(seconds=60)
        self._send_inputs()

    def _send_inputs(self) -> None:
        self._server.send({"inputs": [len(data) for data in self._inputs]}, b"".join(self._inputs))

    def load(self, inputs: Sequence[bytes]) -> None:
        """Load the inputs that runs refer to by index; does nothing if they are already loaded."""
        if inputs is not self._inputs:
            self._inputs = inputs
            try:
                self._send_inputs()
            except WorkerDied:
                self._server.close()
                self._start()

    def run(self, program: str, input_index: int, end_marker: str = "") -> Run:
        """Run a program with a loaded input on its standard input.

        Args:
            program: Source code.
            input_index: Index into the loaded inputs.
            end_marker: Text printed after the program's last line has executed; the program's source lacks it.

        Raises:
            SandboxError: this machine supports the isolation level but not the limits.
        """
        source = program.encode("utf-8", "replace")
        wall = self.limits.wall_seconds
        limits = {**vars(self.limits), "wall_seconds": wall}
        for _ in range(2):
            try:
                answer, output = self._server.ask(
                    {"input": input_index, "limits": limits, "end": end_marker}, source, seconds=60 + 2 * wall
                )
                if "failure" in answer:
                    raise SandboxError(f"{answer['failure']}: {output.decode(errors='replace')}")
                return Run(output=output, **answer)
            except WorkerDied:
                self._server.close()
                self._start()
        return Run("verifier_error", certain=False)

    def close(self) -> None:
        """Kill the server and everything in it."""
        self._server.close()
