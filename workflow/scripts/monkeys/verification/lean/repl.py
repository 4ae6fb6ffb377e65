"""A process of leanprover-community/repl, which answers commands as JSON, with limits on each command."""

import contextlib
import json
import os
import re
import select
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from monkeys.verification.lean.installation import Installation
from monkeys.verification.sandbox import Limits
from monkeys.verification.workers import Child

_POLL_SECONDS = 0.05
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_OUT_OF_MEMORY = re.compile(r"out of memory|bad_alloc|unable to allocate|cannot allocate", re.IGNORECASE)


class CommandFailed(RuntimeError):
    """A command got no usable answer; the REPL has ended or must not be used again.

    Args:
        outcome: Outcome of the proof that the command checked.
        reason: What happened.
        certain: Whether system load can be ruled out as the cause.
        repeat_outcome: Outcome if the proof fails again when re-judged alone; None for the same outcome.
    """

    def __init__(self, outcome: str, reason: str, certain: bool, repeat_outcome: str | None = None) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.certain = certain
        self.repeat_outcome = repeat_outcome


@dataclass(frozen=True)
class Answer:
    """Lean's answer to a command."""

    environment: int
    """Number of the environment after the command."""
    messages: list[tuple[str, str]]
    """(severity, text) of each; severities are `error`, `warning` and `info`."""
    open_goals: bool
    """Whether the command contains a `sorry`."""

    def texts(self, severity: str) -> list[str]:
        """Texts of the messages of one severity."""
        return [text for each, text in self.messages if each == severity]


class Repl(Child):
    """A REPL.

    Args:
        installation: The Lean installation.
        memory_mb: Address space limit, MiB.
    """

    def __init__(self, installation: Installation, memory_mb: int) -> None:
        self._errors = tempfile.TemporaryFile()
        read_end, write_end = os.pipe()
        with os.fdopen(read_end) as pipe:
            try:
                command = installation.command(memory_mb, write_end)
                inherited = [write_end] if installation.bubblewrap else []
                super().__init__(command, installation.environment, stderr=self._errors, pass_fds=inherited)
            finally:
                os.close(write_end)
            information = pipe.read()  # empty without bubblewrap, or if bubblewrap failed
        self._process_id = json.loads(information)["child-pid"] if information else self._process.pid

    def run(self, command: str, environment: int | None, limits: Limits) -> Answer:
        """Run a Lean command.

        Args:
            command: Lean source.
            environment: Number of the environment to run it in; None for an empty one, which allows imports.
            limits: Limits on CPU time, wall time and output.

        Raises:
            CommandFailed: it exceeded a limit, the REPL died, or its answer was malformed.
        """
        request = {"cmd": command} | ({} if environment is None else {"env": environment})
        answer = self._ask(json.dumps(request).encode() + b"\n\n", limits)
        try:
            fields = json.loads(answer)
            messages = [(message["severity"], message["data"]) for message in fields.get("messages", ())]
            return Answer(fields["env"], messages, bool(fields.get("sorries")))
        except (ValueError, KeyError, TypeError, AttributeError):  # not JSON, or other JSON
            raise self._failure(f"it answered {bytes(answer[:500])!r}") from None

    def _ask(self, request: bytes, limits: Limits) -> bytearray:
        cpu_at_start, deadline = self._cpu_seconds(), time.monotonic() + limits.wall_seconds
        answers = select.poll()
        answers.register(self._answers, select.POLLIN)
        answer = bytearray()
        try:
            while request:
                request = request[os.write(self._requests, request) :]
            while not answer.endswith(b"\n\n"):
                if answers.poll(1000 * _POLL_SECONDS):
                    part = os.read(self._answers, 1 << 20)
                    if not part:
                        raise self._died()
                    answer += part
                if self._cpu_seconds() - cpu_at_start > limits.cpu_seconds:
                    raise CommandFailed(
                        "timeout", f"it took more than {limits.cpu_seconds:g} s of CPU time", certain=True
                    )
                if time.monotonic() > deadline:
                    raise CommandFailed("timeout", f"it took more than {limits.wall_seconds:g} s", certain=False)
                if len(answer) > limits.output_bytes:
                    raise CommandFailed(
                        "output_limit", f"it printed more than {limits.output_bytes} bytes", certain=True
                    )
        except BrokenPipeError:
            raise self._died() from None
        return answer

    def _cpu_seconds(self) -> float:
        """CPU time used so far by all threads of the REPL."""
        try:
            stat = Path(f"/proc/{self._process_id}/stat").read_text()
        except OSError:  # it has just died
            return 0
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS_PER_SECOND

    def _died(self) -> CommandFailed:
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may only have closed its output
            self._process.wait(timeout=10)
        self._errors.seek(0)
        errors = self._errors.read()[-2000:].decode(errors="replace")
        return self._failure(f"it ended with status {self._process.poll()}: {errors}", repeat_outcome="runtime_error")

    def _failure(self, reason: str, repeat_outcome: str | None = None) -> CommandFailed:
        if _OUT_OF_MEMORY.search(reason):
            return CommandFailed("memory_limit", reason, certain=True)
        return CommandFailed("verifier_error", reason, certain=False, repeat_outcome=repeat_outcome)

    def close(self) -> None:
        """Kill the REPL."""
        super().close()
        self._errors.close()
