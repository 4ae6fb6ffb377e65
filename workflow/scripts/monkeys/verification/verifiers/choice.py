r"""The letter that a chat model chooses: in its last `\boxed{…}`, or else on the last line that states an answer.

The reference is the letter of the correct option.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification import verifier
from monkeys.verification.answers.stated import after_thinking, boxed_answer, stated_answers, without_emphasis
from monkeys.verification.verifier import Verdict

_LETTER = re.compile(
    r"[\W_]*(?:(?i:option|choice|answer)\b[\W_]*)?(?:([A-Z])(?![A-Za-z'’])|([a-z])(?=[).\]}]|[\W_]*$))"  # not "a law"
)
_COMMAND = re.compile(r"\\(?:text|math)[a-z]*\s*")
_ALONE = re.compile(r"\(?([A-Z])\)?", re.IGNORECASE)
_OPTION = re.compile(r"[\s*_>#-]*\(?([A-Z])[).:]")


def chosen_letter(text: str) -> str | None:
    """The letter of the chosen option, in upper case; None if none is stated."""
    for answer in (boxed_answer(text) or "", *stated_answers(text, "answer|option|choice")):
        if match := _LETTER.match(_COMMAND.sub("", answer)):
            return (match[1] or match[2]).upper()
    previous, last = ["", "", *(line for line in text.splitlines() if any(map(str.isalnum, line)))][-2:]
    if match := _ALONE.fullmatch(without_emphasis(last)):
        return match[1].upper()
    chosen = _OPTION.match(last)
    return chosen[1] if chosen and not _OPTION.match(previous) else None  # else the last one of a list of options


class Verifier(verifier.Verifier):
    r"""Judges samples that choose one of several options by its letter."""

    version = 2
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
