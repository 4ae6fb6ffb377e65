"""Find the program in a sample, and run it in a pool of sandboxes."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from monkeys.verification.sandbox import Limits, Run, Sandbox, find
from monkeys.verification.verifier import Settings, Verdict, Verifier
from monkeys.verification.workers import Pool

FENCE = "```"
# possessive, where blanks could be tried again and again
_LANGUAGE = re.compile(r"[ \t\ufeff]*+(?:python[\w.]*+[ \t]*+|[\w+#.-]*+(?=[^\S\n]*+\n))", re.IGNORECASE)

_BYTE_ORDER_MARK = re.compile(r"\A(\s*+)\ufeff")


def extract(text: str) -> str | None:
    """The program in a sample: what stands in its first ``` block, after a FENCE; without a block the whole text.

    A block that never ends reaches to the end. None where the block, or the text, is empty.
    """
    _, fence, rest = text.partition(FENCE)
    program = text
    if fence:
        block = rest.partition(FENCE)[0]
        language = _LANGUAGE.match(block)
        program = block[language.end() :] if language else block
    program = _BYTE_ORDER_MARK.sub(r"\1", program)
    return fence + program if program.strip() else None


def doubtful(run: Run) -> Verdict:
    """The verdict on a program whose end may be due to system load."""
    return Verdict(run.status, certain=False, if_again="runtime_error" if run.status == "verifier_error" else None)


class ProgramVerifier(Verifier):
    """A verifier that runs the programs in samples."""

    threads = 16
    seconds = 1.0

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        layers, self._guarantees = find(settings.allow_unsandboxed)
        self._sandboxes = Pool(lambda: Sandbox(layers, Limits(settings.cpu_seconds, settings.memory_mb)))

    def __exit__(self, *_: object) -> None:
        self._sandboxes.close()

    @contextmanager
    def sandbox(self, problem: Mapping[str, Any]) -> Iterator[Sandbox]:
        """A sandbox for this thread alone, with the problem's own limits where it has some."""
        with self._sandboxes.member() as box:
            limits = (problem.get(name) or getattr(self.settings, name) for name in ("cpu_seconds", "memory_mb"))
            box.limits = Limits(*limits)
            yield box

    def guarantees(self) -> dict[str, Any]:
        """What the sandbox is made of, and what it was seen to prevent on this machine."""
        return self._guarantees

    def extract(self, text: str) -> str | None:
        """The program in a sample."""
        return extract(text)
