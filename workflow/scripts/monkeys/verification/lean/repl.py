"""A process of leanprover-community/repl, which answers commands as JSON; and limits on the time it takes for one."""

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


class Unanswered(RuntimeError):
    """A command has no answer that could be used; the REPL has ended or must not be used again.

    Args:
        outcome: What is to be said of a proof that was the reason.
        why: What happened.
        certain: Whether load on the machine cannot be the reason.
        if_again: What is to be said of the proof if it happens again when that is judged alone; None for the same.
    """

    def __init__(self, outcome: str, why: str, certain: bool, if_again: str | None = None) -> None:
        super().__init__(why)
        self.outcome = outcome
        self.certain = certain
        self.if_again = if_again


@dataclass(frozen=True)
class Answer:
    """What Lean says to a command."""

    environment: int
    """The number of the environment after it."""
    messages: list[tuple[str, str]]
    """Severity (`error`, `warning` or `info`) and text of each."""
    open_goals: bool
    """Whether there is a `sorry` in it."""

    def said(self, severity: str) -> list[str]:
        """The texts of its messages of a severity."""
        return [text for its, text in self.messages if its == severity]


class Repl(Child):
    """A REPL.

    Args:
        installation: Where it is.
        memory_mb: Its address space, MiB.
    """

    def __init__(self, installation: Installation, memory_mb: int) -> None:
        self._errors = tempfile.TemporaryFile()
        told, tell = os.pipe()
        with os.fdopen(told) as information:
            try:
                command = installation.command(memory_mb, tell)
                kept = [tell] if installation.bubblewrap else []
                super().__init__(command, installation.environment, stderr=self._errors, pass_fds=kept)
            finally:
                os.close(tell)
            said = information.read()  # nothing without bubblewrap, or if that could not start it
        self._process_id = json.loads(said)["child-pid"] if said else self._process.pid

    def run(self, command: str, environment: int | None, limits: Limits) -> Answer:
        """Run a Lean command.

        Args:
            command: Lean source.
            environment: After which environment; None for none, where modules can be imported.
            limits: CPU time and wall time that it may take.

        Raises:
            Unanswered: it took too long or too much memory, the REPL died, or its answer is none.
        """
        request = {"cmd": command} | ({} if environment is None else {"env": environment})
        answer = self._ask(json.dumps(request).encode() + b"\n\n", limits)
        try:
            fields = json.loads(answer)
            messages = [(message["severity"], message["data"]) for message in fields.get("messages", ())]
            return Answer(fields["env"], messages, bool(fields.get("sorries")))
        except (ValueError, KeyError, TypeError, AttributeError):  # not JSON, or other JSON
            raise self._unanswered(f"it answered {bytes(answer[:500])!r}") from None

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
                    raise Unanswered("timeout", f"it took more than {limits.cpu_seconds:g} s of CPU time", certain=True)
                if time.monotonic() > deadline:
                    raise Unanswered("timeout", f"it took more than {limits.wall_seconds:g} s", certain=False)
                if len(answer) > limits.output_bytes:
                    raise Unanswered("output_limit", f"it printed more than {limits.output_bytes} bytes", certain=True)
        except BrokenPipeError:
            raise self._died() from None
        return answer

    def _cpu_seconds(self) -> float:
        """CPU time of all its threads so far."""
        try:
            stat = Path(f"/proc/{self._process_id}/stat").read_text()
        except OSError:  # it has just died
            return 0
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS_PER_SECOND

    def _died(self) -> Unanswered:
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may only have closed its output
            self._process.wait(timeout=10)
        self._errors.seek(0)
        said = self._errors.read()[-2000:].decode(errors="replace")
        return self._unanswered(f"it ended with status {self._process.poll()}: {said}", if_again="runtime_error")

    def _unanswered(self, why: str, if_again: str | None = None) -> Unanswered:
        if _OUT_OF_MEMORY.search(why):
            return Unanswered("memory_limit", why, certain=True)
        return Unanswered("verifier_error", why, certain=False, if_again=if_again)

    def close(self) -> None:
        """End it."""
        super().close()
        self._errors.close()
