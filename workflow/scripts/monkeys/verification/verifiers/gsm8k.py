"""Final answers in GSM8K's form, `#### 42`, judged as in the paper (section 2 and its released code)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification.answers.verifier import AnswerVerifier
from monkeys.verification.verifier import Verdict

_ANSWER = re.compile(r"#### (\-?[$0-9.,]+)")


def answer_in(text: str) -> str | None:
    """The first answer in a text, without commas, dollar signs and a final period; None if there is none."""
    match = _ANSWER.search(text)
    if match is None:
        return None
    return match[1].replace(",", "").replace("$", "").removesuffix(".")


def _plain_number(text: str) -> str:
    """The text, stripped, if it is just a number; otherwise an empty string."""
    return text.strip() if re.fullmatch(r"\s*-?\$?[0-9][0-9,]*(\.[0-9]+)?\s*", text) else ""


class Verifier(AnswerVerifier):
    """Judges samples whose answer has the form `#### 42`."""

    version = 2
    threads = 1

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """The reference must contain a gold answer."""
        Verifier.gold(problem)

    @staticmethod
    def gold(problem: Mapping[str, Any]) -> str:
        """The gold answer: the number after `####`, or the whole reference if it is a number.

        Raises:
            ValueError: the reference has none.
        """
        reference = problem["reference"]
        if isinstance(reference, str) and (
            answer := answer_in(reference) or answer_in(f"#### {_plain_number(reference)}")
        ):
            return answer
        raise ValueError(
            f"its reference {reference!r} must contain '#### answer' or be a number; a template can build it from a "
            'column: reference: "#### {{ column }}"'
        )

    def extract(self, text: str) -> str | None:
        """The answer without commas, dollar signs and a final period."""
        return answer_in(text)

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Compare answers with the gold answer."""
        gold = self.gold(problem)
        for answer in answers:
            yield self.equivalence.verdict(answer, gold)
