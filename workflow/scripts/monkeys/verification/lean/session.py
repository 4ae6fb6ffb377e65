"""Judge proofs in one REPL that has the header and our own command, and is started anew where that helps."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monkeys.verification.lean import statement as statements
from monkeys.verification.lean.installation import Installation, LeanError
from monkeys.verification.lean.repl import Answer, Repl, Unanswered
from monkeys.verification.lean.statement import Statement
from monkeys.verification.sandbox import Limits
from monkeys.verification.verifier import Settings, Verdict

ALLOWED_AXIOMS = ("Classical.choice", "Quot.sound", "propext")
_TRUSTED = Path(__file__).with_name("trusted.lean")
_AS_STATED = "_as_stated"
"""Makes the name of the open statement that a proof is compared with."""
_STARTUP = Limits(cpu_seconds=300)


class Session:
    """A REPL, and what it knows of problems.

    Args:
        installation: Which Lean.
        settings: Header, and limits of one proof.

    Raises:
        LeanError: this Lean does not take the header or our command.
    """

    def __init__(self, installation: Installation, settings: Settings) -> None:
        self._installation = installation
        self._settings = settings
        self._limits = Limits(settings.cpu_seconds, settings.memory_mb)
        self._start()

    def _start(self) -> None:
        self._proofs = 0
        self._prepared: dict[str, int | None] = {}
        self._repl = Repl(self._installation, self._settings.memory_mb)
        try:
            # our command needs the library of Lean itself, which Mathlib has imported anyway
            header = self._set_up(f"import Lean\n{self._settings.lean.header}", None).environment
            self._header = self._set_up(_TRUSTED.read_text(), header).environment
            (version,) = self._set_up("#eval Lean.versionString", self._header).said("info")
        except (Unanswered, ValueError) as error:
            self.close()
            raise LeanError(
                f"Lean's REPL could not be set up: {error}. See that verification.lean.header imports what there is, "
                "that the project is built, and that the task's limits.memory_mb is enough (docs/lean.md)"
            ) from None
        self.version: str = json.loads(version)
        """Lean's own version, with its commit."""

    def _set_up(self, command: str, environment: int | None) -> Answer:
        answer = self._repl.run(command, environment, _STARTUP)
        if errors := answer.said("error"):
            raise ValueError("; ".join(errors))
        return answer

    def close(self) -> None:
        """End the REPL."""
        self._repl.close()

    def verdict(self, problem: Mapping[str, Any], proof: str) -> Verdict:
        """Judge a proof; a session that raises cannot be used again.

        Raises:
            Unanswered: there is no judgement on it, or it went beyond a limit.
            LeanError: the REPL could not be started anew.
        """
        if self._proofs == self._settings.lean.proofs_per_process:
            self._restart()
        self._proofs += 1
        try:
            return self._verdict(problem, proof)
        except Unanswered as reason:
            if reason.outcome != "memory_limit" or self._proofs == 1:
                raise
        self._restart()  # the proofs before it may have filled the memory
        return self.verdict(problem, proof)

    def _restart(self) -> None:
        self.close()
        self._start()

    def _verdict(self, problem: Mapping[str, Any], proof: str) -> Verdict:
        statement = statements.parse(problem["reference"])
        name = problem["problem_id"]
        if name not in self._prepared:
            self._prepared[name] = self._prepare(name, statement)
        stated = self._prepared[name]
        if stated is None:
            return Verdict("verifier_error")
        answer = self._repl.run(statement.proved(f"by (\n{proof}\n)"), stated, self._limits)
        if answer.said("error") or answer.open_goals:
            return Verdict("wrong")
        answer = self._ask_about(statement, answer.environment)
        facts = _facts(answer)
        if facts is None:
            raise Unanswered("verifier_error", f"our command answered {answer.messages}", certain=False)
        return Verdict("correct" if all(facts.values()) else "wrong")

    def _prepare(self, name: str, statement: Statement) -> int | None:
        """The environment that has the open statement; None if proofs of it cannot be judged here.

        The statement is also tried as a proof by `sorry` under its own name: our command must see both that it is the
        same and that it is not proved.
        """
        try:
            stated = self._repl.run(statement.proved("sorry", _AS_STATED), self._header, self._limits)
            tried = self._repl.run(statement.proved("sorry"), stated.environment, self._limits)
            errors = stated.said("error") + tried.said("error")
            if not errors:
                answer = self._ask_about(statement, tried.environment)
                if _facts(answer) != {"theorem": True, "same": True, "sound": False}:
                    errors = [f"our command says of a proof by sorry: {answer.messages}"]
        except Unanswered as reason:  # no proof has been looked at
            raise Unanswered("verifier_error", str(reason), certain=False) from None
        if errors:
            print(f"problem {name} cannot be judged with this Lean and Mathlib: {'; '.join(errors)}", file=sys.stderr)
            return None
        return stated.environment

    def _ask_about(self, statement: Statement, environment: int) -> Answer:
        """Ask our command about the theorem that was last proved; see trusted.lean."""
        name, axioms = statement.name, ", ".join(f"`{axiom}" for axiom in ALLOWED_AXIOMS)
        command = f"#eval monkeysVerdict ``{name} ``{name}{_AS_STATED} [{axioms}]"
        return self._repl.run(command, environment, self._limits)


def _facts(answer: Answer) -> dict[str, bool] | None:
    """What our command says of a theorem, {theorem, same, sound}; None if that is not what it says."""
    try:
        (said,) = answer.said("info")
        facts = json.loads(json.loads(said))
        return facts if facts.keys() == {"theorem", "same", "sound"} and not answer.said("error") else None
    except (ValueError, TypeError, AttributeError):  # not one text with JSON in it, or other JSON
        return None
