r"""The letter that a chat model chooses: in its last `\boxed{…}`, or else on the last line that states an answer.

The reference is the letter of the correct option.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification import verifier
from monkeys.verification.answers.stated import after_thinking, boxed_answer, stated_answer, without_emphasis
from monkeys.verification.verifier import Verdict

_LETTER = re.compile(r"\W*(?:(?:option|choice)\b\W*)?([A-Z])(?![A-Za-z])", re.IGNORECASE)
_COMMAND = re.compile(r"\\(?:text|textbf|mathrm|mathbf)(?![a-z])\s*")
_ALONE = re.compile(r"\(?([A-Z])\)?", re.IGNORECASE)


def chosen_letter(text: str) -> str | None:
    """The letter of the chosen option, in upper case; None if none is stated."""
    for answer in (boxed_answer(text), stated_answer(text)):
        if answer is not None and (match := _LETTER.match(_COMMAND.sub("", answer))):
            return match[1].upper()
    last = without_emphasis(text.rstrip().rpartition("\n")[2])
    return match[1].upper() if (match := _ALONE.fullmatch(last)) else None


class Verifier(verifier.Verifier):
    r"""Judges samples that choose one of several options by its letter."""

    version = 1
    votes = True

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """The reference must be a letter."""
        Verifier.gold(problem)

    @staticmethod
    def gold(problem: Mapping[str, Any]) -> str:
        """The letter of the correct option, in upper case.

        Raises:
            ValueError: the reference is not a letter.
        """
        reference = problem["reference"]
        if isinstance(reference, str) and (match := _ALONE.fullmatch(reference.strip())):
            return match[1].upper()
        raise ValueError(f"its reference must be the letter of an option, not {reference!r}")

    def extract(self, text: str) -> str | None:
        """The chosen letter, outside of the model's thinking."""
        return chosen_letter(after_thinking(text))

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Compare letters."""
        gold = self.gold(problem)
        for answer in answers:
            yield Verdict("correct" if answer == gold else "wrong", answer)
