"""Compare answers with gold answers; computer algebra runs in worker processes."""

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
"""Added to a worker's wall-time limit, seconds. CPU time is the primary limit; beyond this the worker hangs."""
_PASSED_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "HOME")
"""Environment variables that a Python installation may need."""


class Equivalence:
    """Judges whether answers equal gold answers, with one worker process per calling thread.

    Args:
        settings: Limits of one comparison, and whether Math-Verify gives a second opinion.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers = Pool(self._start_worker)
        # differently written answers and elements of tuples often lead to the same comparison
        self._formulas_equal = functools.lru_cache(maxsize=1 << 12)(self._ask_algebra)

    def verdict(self, answer: str, gold: str, as_written: tuple[str, str] | None = None) -> Verdict:
        """Judge an answer; an empty answer is never correct.

        Args:
            answer: The normalised answer.
            gold: The normalised gold answer.
            as_written: Both before normalisation, for Math-Verify; by default the normalised ones.
        """
        try:
            outcome, certain = "correct" if self._equal(answer, gold) else "wrong", True
        except _Unfinished as failure:
            outcome, certain = failure.args
        opinion, opinion_certain = self._second_opinion(*(as_written or (answer, gold)))
        repeat_outcome = "runtime_error" if outcome == "verifier_error" else None
        return Verdict(outcome, answer, opinion, certain=certain and opinion_certain, repeat_outcome=repeat_outcome)

    def _second_opinion(self, answer: str, gold: str) -> tuple[str | None, bool]:
        if not self._settings.second_opinion:
            return None, True
        return ("correct", True) if answer == gold else self._ask("math_verify", answer, gold)

    def close(self) -> None:
        """Kill all workers."""
        self._workers.close()

    def _equal(self, answer: str, gold: str) -> bool:
        if answer == gold:
            return bool(answer)
        answer, gold = structure.canonical_spelling(answer), structure.canonical_spelling(gold)
        if not answer or not gold:
            return False
        if answer == gold:
            return True
        equal = rationals.equal(answer, gold)
        if equal is not None:
            return equal
        compound, gold_compound = structure.parse(answer), structure.parse(gold)
        if self._settings.lists == "first" and (structure.is_list(compound) or structure.is_list(gold_compound)):
            return self._equal(structure.first_element(answer), structure.first_element(gold))
        if compound and gold_compound:
            return structure.equal(compound, gold_compound, self._equal)
        if structure.is_list(compound) or structure.is_list(gold_compound):
            return False  # sympy's parser would read only the first element
        return self._formulas_equal(answer, gold)

    def _ask_algebra(self, answer: str, gold: str) -> bool:
        outcome, certain = self._ask("algebra", answer, gold)
        if outcome not in ("correct", "wrong"):
            raise _Unfinished(outcome, certain)
        return outcome == "correct"

    def _ask(self, grader: str, answer: str, gold: str) -> tuple[str, bool]:
        """(a grader's outcome, whether it is certain, i.e. the same on an idle machine)."""
        seconds = _GRACE_SECONDS + 20 * self._settings.cpu_seconds
        try:
            with self._workers.borrow() as worker:
                result, _ = worker.ask({"grader": grader, "answer": answer, "gold": gold}, seconds=seconds)
                return result["outcome"], result["certain"]
        except WorkerDied:
            return "verifier_error", False

    def _start_worker(self) -> Worker:
        limits = {name: getattr(self._settings, name) for name in ("cpu_seconds", "memory_mb", "second_opinion")}
        worker = Worker(
            [*_COMMAND, json.dumps(limits)],
            {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
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
    """A comparison did not finish; arguments are the outcome and whether it is certain."""
