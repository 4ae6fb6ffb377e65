"""Judge proofs in a REPL with the header and our checking command loaded; it is restarted when needed."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monkeys.verification.lean import statement as statements
from monkeys.verification.lean.installation import Installation, LeanError
from monkeys.verification.lean.repl import Answer, CommandFailed, Repl
from monkeys.verification.lean.statement import Statement
from monkeys.verification.sandbox import Limits
from monkeys.verification.verifier import Settings, Verdict

ALLOWED_AXIOMS = ("Classical.choice", "Quot.sound", "propext")
_TRUSTED = Path(__file__).with_name("trusted.lean")
_AS_STATED = "_as_stated"
"""Suffix of the name of the open statement that a proof is compared with."""
_STARTUP = Limits(cpu_seconds=300)


class Session:
    """A REPL and the problems prepared in it.

    Args:
        installation: The Lean installation.
        settings: Header, and limits of one proof.

    Raises:
        LeanError: this Lean rejects the header or our command.
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
            # our command needs Lean's own library, which Mathlib imports anyway
            header = self._set_up(f"import Lean\n{self._settings.lean.header}", None).environment
            self._header = self._set_up(_TRUSTED.read_text(), header).environment
            (version,) = self._set_up("#eval Lean.versionString", self._header).texts("info")
        except (CommandFailed, ValueError) as error:
            self.close()
            raise LeanError(
                f"Lean's REPL could not be set up: {error}. Check that verification.lean.header imports existing "
                "modules, that the project is built, and that the task's limits.memory_mb suffices (docs/lean.md)"
            ) from None
        self.version: str = json.loads(version)
        """Lean's own version, with its commit."""

    def _set_up(self, command: str, environment: int | None) -> Answer:
        answer = self._repl.run(command, environment, _STARTUP)
        if errors := answer.texts("error"):
            raise ValueError("; ".join(errors))
        return answer

    def close(self) -> None:
        """Kill the REPL."""
        self._repl.close()

    def verdict(self, problem: Mapping[str, Any], proof: str) -> Verdict:
        """Judge a proof; a session that has raised must not be reused.

        Raises:
            CommandFailed: the proof exceeded a limit or could not be judged.
            LeanError: the REPL could not be restarted.
        """
        if self._proofs == self._settings.lean.proofs_per_process:
            self._restart()
        self._proofs += 1
        try:
            return self._verdict(problem, proof)
        except CommandFailed as failure:
            if failure.outcome != "memory_limit" or self._proofs == 1:
                raise
        self._restart()  # earlier proofs may have filled the memory
        return self.verdict(problem, proof)

    def _restart(self) -> None:
        self.close()
        self._start()

    def _verdict(self, problem: Mapping[str, Any], proof: str) -> Verdict:
        statement = statements.parse(problem["reference"])
        name = problem["problem_id"]
        if name not in self._prepared:
            self._prepared[name] = self._prepare(name, statement)
        environment = self._prepared[name]
        if environment is None:
            return Verdict("verifier_error")
        answer = self._repl.run(statement.with_proof(f"by (\n{proof}\n)"), environment, self._limits)
        if answer.texts("error") or answer.open_goals:
            return Verdict("wrong")
        answer = self._ask_about(statement, answer.environment)
        facts = _facts(answer)
        if facts is None:
            raise CommandFailed("verifier_error", f"our command answered {answer.messages}", certain=False)
        return Verdict("correct" if all(facts.values()) else "wrong")

    def _prepare(self, name: str, statement: Statement) -> int | None:
        """Number of the environment with the open statement; None if its proofs cannot be judged here.

        The statement is also proved by `sorry` under its own name: our command must report both that the statements are
        the same and that the proof is unsound.
        """
        try:
            stated = self._repl.run(statement.with_proof("sorry", _AS_STATED), self._header, self._limits)
            unproved = self._repl.run(statement.with_proof("sorry"), stated.environment, self._limits)
            errors = stated.texts("error") + unproved.texts("error")
            if not errors:
                answer = self._ask_about(statement, unproved.environment)
                if _facts(answer) != {"theorem": True, "same": True, "sound": False}:
                    errors = [f"our command answered about a proof by sorry: {answer.messages}"]
        except CommandFailed as failure:  # not the fault of any proof
            raise CommandFailed("verifier_error", str(failure), certain=False) from None
        if errors:
            print(f"problem {name} cannot be judged with this Lean and Mathlib: {'; '.join(errors)}", file=sys.stderr)
            return None
        return stated.environment

    def _ask_about(self, statement: Statement, environment: int) -> Answer:
        """Run our command on the theorem proved last; see trusted.lean."""
        name, axioms = statement.name, ", ".join(f"`{axiom}" for axiom in ALLOWED_AXIOMS)
        command = f"#eval monkeysVerdict ``{name} ``{name}{_AS_STATED} [{axioms}]"
        return self._repl.run(command, environment, self._limits)


def _facts(answer: Answer) -> dict[str, bool] | None:
    """Our command's findings about a theorem, {theorem, same, sound}; None if its answer is malformed."""
    try:
        (text,) = answer.texts("info")
        facts = json.loads(json.loads(text))
        return facts if facts.keys() == {"theorem", "same", "sound"} and not answer.texts("error") else None
    except (ValueError, TypeError, AttributeError):  # not exactly one message, or unexpected JSON
        return None
