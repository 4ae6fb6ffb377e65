"""Extract programs from samples and run them in a pool of sandboxes."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from monkeys.verification.sandbox import Limits, Run, Sandbox, find
from monkeys.verification.verifier import Settings, Verdict, Verifier
from monkeys.verification.workers import Pool

FENCE = "```"
# possessive quantifiers avoid backtracking over runs of blanks
_LANGUAGE = re.compile(r"[ \t\ufeff]*+(?:python[\w.]*+[ \t]*+|[\w+#.-]*+(?=[^\S\n]*+\n))", re.IGNORECASE)

_BYTE_ORDER_MARK = re.compile(r"\A(\s*+)\ufeff")


def extract(text: str) -> str | None:
    """The program in a sample: its first ``` block, prefixed with FENCE; the whole text if it has no block.

    An unclosed block extends to the end of the text. None if the block or the text is empty.
    """
    _, fence, rest = text.partition(FENCE)
    program = text
    if fence:
        block = rest.partition(FENCE)[0]
        language = _LANGUAGE.match(block)
        program = block[language.end() :] if language else block
    program = _BYTE_ORDER_MARK.sub(r"\1", program)
    return fence + program if program.strip() else None


def uncertain_verdict(run: Run) -> Verdict:
    """The verdict on a run whose outcome system load may have affected."""
    return Verdict(
        run.status, certain=False, repeat_outcome="runtime_error" if run.status == "verifier_error" else None
    )


class ProgramVerifier(Verifier):
    """Base class of verifiers that run the programs in samples."""

    threads = 16
    seconds = 1.0

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        level, self._guarantees = find(settings.allow_unsandboxed)
        self._sandboxes = Pool(lambda: Sandbox(level, Limits(settings.cpu_seconds, settings.memory_mb)))

    def __exit__(self, *_: object) -> None:
        self._sandboxes.close()

    @contextmanager
    def sandbox(self, problem: Mapping[str, Any]) -> Iterator[Sandbox]:
        """Borrow a sandbox for this thread, with the problem's own limits where it has any."""
        with self._sandboxes.borrow() as box:
            limits = (problem.get(name) or getattr(self.settings, name) for name in ("cpu_seconds", "memory_mb"))
            box.limits = Limits(*limits)
            yield box

    def guarantees(self) -> dict[str, object]:
        """The sandbox's active layers, and the attacks that it prevented on this machine."""
        return self._guarantees

    def extract(self, text: str) -> str | None:
        """The program in a sample."""
        return extract(text)
