"""Final answers in GSM8K's form, `#### 42`, judged as in the paper (section 2 and its released code)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification.answers.verifier import AnswerVerifier
from monkeys.verification.verifier import Verdict

_ANSWER = re.compile(r"#### (\-?[$0-9.,]+)")


def answer_in(text: str) -> str | None:
    """The first answer in a text, without commas, dollar signs and a final full stop; None if there is none."""
    match = _ANSWER.search(text)
    if match is None:
        return None
    return match[1].replace(",", "").replace("$", "").removesuffix(".")


def _number(text: str) -> str:
    """A text that is a number and nothing else; of others, nothing."""
    return text.strip() if re.fullmatch(r"\s*-?\$?[0-9][0-9,]*(\.[0-9]+)?\s*", text) else ""


class Verifier(AnswerVerifier):
    """Judges samples that give their answer as `#### 42`."""

    version = 2
    threads = 1

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """A gold answer is needed."""
        Verifier.gold(problem)

    @staticmethod
    def gold(problem: Mapping[str, Any]) -> str:
        """The gold answer: behind the hashes, or the whole reference where that is a number.

        Raises:
            ValueError: there is none.
        """
        reference = problem["reference"]
        if isinstance(reference, str) and (answer := answer_in(reference) or answer_in(f"#### {_number(reference)}")):
            return answer
        raise ValueError(
            f"there is no '#### answer' in its reference {reference!r}, which is no number either; a template "
            'makes one of a column: reference: "#### {{ column }}"'
        )

    def extract(self, text: str) -> str | None:
        """The answer without commas, dollar signs and a final full stop."""
        return answer_in(text)

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Compare answers with the gold answer."""
        wanted = self.gold(problem)
        for answer in answers:
            yield self.equivalence.verdict(answer, wanted)
