"""Run programs that language models wrote, isolated from the machine, through `sandbox_server.py`."""

import contextlib
import json
import struct
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CANARIES = {
    # what must be impossible: a program that prints `open` if it is not
    "network": "import socket\nsocket.socket()\nprint('open')",
    "new processes": "import os\nif os.fork() == 0: os._exit(0)\nprint('open')",
    "signals": "import os\nos.kill(os.getppid(), 0)\nprint('open')",
    "writing files": "open('canary.tmp', 'a')\nprint('open')",
    "removing files": "import os\nos.mkdir('canary.tmp.d')\nprint('open')",
}


class SandboxError(RuntimeError):
    """This machine cannot isolate programs."""


@dataclass(frozen=True)
class Limits:
    """What one run of a program may use."""

    cpu_seconds: int = 5
    memory_mb: int = 1024
    """Address space."""
    output_bytes: int = 1 << 20

    @property
    def wall_seconds(self) -> int:
        """A guard against programs that sleep; generous, so that only CPU time decides on a busy machine."""
        return 10 + 4 * self.cpu_seconds


@dataclass(frozen=True)
class Run:
    """How a program ended on one input."""

    status: str
    """`finished`, or an outcome: runtime_error, syntax_error, timeout, memory_limit, output_limit, verifier_error."""
    output: str


class Sandbox:
    """A server process that runs one program at a time.

    Args:
        limits: What each run may use.
        allow_unsandboxed: Go on where the machine cannot isolate programs.

    Raises:
        SandboxError: a canary did what no program may do, and `allow_unsandboxed` is false.
    """

    def __init__(self, limits: Limits, allow_unsandboxed: bool = False) -> None:
        self._limits = {**asdict(limits), "wall_seconds": limits.wall_seconds}
        self._start()
        self.guarantees: dict[str, Any] = {
            **self._layers,
            "prevented": {name: self.run(code, "").output.strip() != "open" for name, code in CANARIES.items()},
        }
        possible = [name for name, prevented in self.guarantees["prevented"].items() if not prevented]
        if possible and not allow_unsandboxed:
            self.close()
            raise SandboxError(
                f"programs could not be isolated on this machine; still possible: {', '.join(possible)}. "
                "Run where the kernel has seccomp (any Linux on x86_64 or aarch64), or accept the risk with "
                "verification.allow_unsandboxed: true"
            )

    def _start(self) -> None:
        try:
            self._launch("--namespaces")
        except EOFError:  # a kernel that grants a user namespace, but not its use
            self.close()
            self._launch()

    def _launch(self, *options: str) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("sandbox_server.py")), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
            cwd="/",
        )
        self._layers = self._read()

    def _read(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        prefix = self._server.stdout.read(4)
        if len(prefix) < 4:
            raise EOFError("the sandbox server ended")
        return json.loads(self._server.stdout.read(*struct.unpack("I", prefix)))

    def run(self, program: str, given: str) -> Run:
        """Run a program with `given` on its standard input. A server that dies is started again, once."""
        request = json.dumps({"program": program, "input": given, "limits": self._limits}).encode()
        for _ in range(2):
            assert self._server.stdin is not None
            try:
                self._server.stdin.write(struct.pack("I", len(request)) + request)
                self._server.stdin.flush()
                answer = self._read()
            except (EOFError, BrokenPipeError):
                self.close()
                self._start()
                continue
            return Run(**answer)
        return Run("verifier_error", "")

    def close(self) -> None:
        """End the server and everything in it."""
        self._server.kill()
        self._server.wait()
        for pipe in (self._server.stdin, self._server.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
