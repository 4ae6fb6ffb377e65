"""Compare answers with gold answers; what takes computer algebra goes to worker processes."""

import functools
import json
import os
import sys
from pathlib import Path

import monkeys
from monkeys.verification.answers import rationals, structure
from monkeys.verification.verifier import Settings, Verdict
from monkeys.verification.workers import Pool, Worker, WorkerDied

_COMMAND = [sys.executable, "-P", "-m", "monkeys.verification.answers.worker"]
_STARTUP_SECONDS = 600
_GRACE_SECONDS = 60
"""CPU time decides; a worker that does not answer for much longer is not at work."""
_LOADER = ("PATH", "LD_LIBRARY_PATH", "HOME")
"""Environment variables that a Python of any installation may need."""


class Equivalence:
    """Judges whether answers equal gold answers, in as many worker processes as there are threads that ask.

    Args:
        settings: What one comparison may use, and whether Math-Verify is asked, too.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers = Pool(self._started)
        # answers that differ in writing alone, and elements of tuples, are compared once
        self._same_formula = functools.lru_cache(maxsize=1 << 12)(self._ask_algebra)

    def verdict(self, answer: str, gold: str, as_written: tuple[str, str] | None = None) -> Verdict:
        """Judge an answer; an empty one is never correct.

        Args:
            answer: A normalised answer.
            gold: The normalised gold answer.
            as_written: Both before they were normalised, for Math-Verify; by default they are the same.
        """
        try:
            outcome, certain = "correct" if self._same(answer, gold) else "wrong", True
        except _Unfinished as comparison:
            outcome, certain = comparison.args
        opinion, opinion_certain = self._second_opinion(*(as_written or (answer, gold)))
        if_again = "runtime_error" if outcome == "verifier_error" else None
        return Verdict(outcome, answer, opinion, certain=certain and opinion_certain, if_again=if_again)

    def _second_opinion(self, answer: str, gold: str) -> tuple[str | None, bool]:
        if not self._settings.second_opinion:
            return None, True
        return ("correct", True) if answer == gold else self._ask("math_verify", answer, gold)

    def close(self) -> None:
        """End all workers."""
        self._workers.close()

    def _same(self, answer: str, gold: str) -> bool:
        if answer == gold:
            return bool(answer)
        answer, gold = structure.spelled_out(answer), structure.spelled_out(gold)
        if not answer or not gold:
            return False
        if answer == gold:
            return True
        same = rationals.same(answer, gold)
        if same is not None:
            return same
        ours, theirs = structure.parts(answer), structure.parts(gold)
        if self._settings.lists == "first" and (structure.is_list(ours) or structure.is_list(theirs)):
            return self._same(structure.first(answer), structure.first(gold))
        if ours and theirs:
            return structure.equal(ours, theirs, self._same)
        if structure.is_list(ours) or structure.is_list(theirs):
            return False  # the parser would read the first element alone
        return self._same_formula(answer, gold)

    def _ask_algebra(self, answer: str, gold: str) -> bool:
        outcome, certain = self._ask("algebra", answer, gold)
        if outcome not in ("correct", "wrong"):
            raise _Unfinished(outcome, certain)
        return outcome == "correct"

    def _ask(self, grader: str, answer: str, gold: str) -> tuple[str, bool]:
        """The outcome by that grader, and whether it would be the same on an idle machine."""
        seconds = _GRACE_SECONDS + 20 * self._settings.cpu_seconds
        try:
            with self._workers.member() as worker:
                told, _ = worker.ask({"grader": grader, "answer": answer, "gold": gold}, seconds=seconds)
                return told["outcome"], told["certain"]
        except WorkerDied:
            return "verifier_error", False

    def _started(self) -> Worker:
        limits = {name: getattr(self._settings, name) for name in ("cpu_seconds", "memory_mb", "second_opinion")}
        worker = Worker(
            [*_COMMAND, json.dumps(limits)],
            {name: os.environ[name] for name in _LOADER if name in os.environ}
            | {"PYTHONPATH": str(Path(monkeys.__file__).parents[1]), "PYTHONHASHSEED": "0"},
        )
        try:
            greeting, _ = worker.receive(_STARTUP_SECONDS)
        except WorkerDied as error:
            raise RuntimeError(f"formulas cannot be compared: {error}") from None
        if "failure" in greeting:
            worker.close()
            raise RuntimeError(f"formulas cannot be compared: {greeting['failure']}")
        return worker


class _Unfinished(Exception):
    """A comparison came to no end; its arguments are the outcome and whether that is certain."""
