"""Proofs in Lean 4, such as those of MiniF2F; see docs/lean.md."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification import verifier
from monkeys.verification.lean import bans, completion, installation, statement
from monkeys.verification.lean.repl import CommandFailed
from monkeys.verification.lean.session import ALLOWED_AXIOMS, Session
from monkeys.verification.verifier import Settings, Verdict
from monkeys.verification.workers import Pool


class Verifier(verifier.Verifier):
    r"""A sample is correct if it proves the problem's statement.

    The reference is the statement and ends in `:= sorry`; the sample continues a prompt that ends in `:=\nby (\n`.
    """

    version = 1
    threads = 8
    resident_mb = 4000
    seconds = 5.0

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._installation = installation.find(settings.lean, settings.allow_unsandboxed)
        self._sessions = Pool(self._session)
        self._lean: str | None = None

    def _session(self) -> Session:
        session = Session(self._installation, self.settings)
        self._lean = session.version
        return session

    def __exit__(self, *_: object) -> None:
        self._sessions.close()

    def guarantees(self) -> dict[str, object]:
        """Versions and settings of the Lean that judged."""
        if self._lean is None:  # no proof reached Lean
            self._session().close()
        return {
            "toolchain": self._installation.toolchain,
            "lean": self._lean,
            "mathlib": self._installation.mathlib,
            "header": self.settings.lean.header,
            "axioms": list(ALLOWED_AXIOMS),
            "bubblewrap": self._installation.bubblewrap,
        }

    @staticmethod
    def check_setup(settings: Settings) -> None:
        """Lean's project and REPL must exist; only the nodes that verify need to be able to run them."""
        installation.locate(settings.lean)

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """The reference must be one open theorem statement."""
        statement.parse(problem["reference"])

    def extract(self, text: str) -> str | None:
        """The proof without comments."""
        return completion.extract_proof(text)

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Reject proofs with banned words; have Lean check the others."""
        for answer in answers:
            yield Verdict("wrong") if bans.find_banned(answer) else self._verdict(problem, answer)

    def _verdict(self, problem: Mapping[str, Any], proof: str) -> Verdict:
        try:
            with self._sessions.borrow() as session:
                return session.verdict(problem, proof)
        except CommandFailed as failure:
            if failure.outcome == "verifier_error":
                print(f"no verdict on a proof of {problem['problem_id']}: {failure}", file=sys.stderr)
            return Verdict(failure.outcome, certain=failure.certain, repeat_outcome=failure.repeat_outcome)
