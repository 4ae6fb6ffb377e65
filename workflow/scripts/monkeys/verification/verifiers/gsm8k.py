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
        """The gold answer.

        Raises:
            ValueError: there is none.
        """
        answer = answer_in(problem["reference"])
        if not answer:
            raise ValueError(f"there is no '#### answer' in its reference {problem['reference']!r}")
        return answer

    def extract(self, text: str) -> str | None:
        """The answer without commas, dollar signs and a final full stop."""
        return answer_in(text)

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Compare answers with the gold answer."""
        wanted = self.gold(problem)
        for answer in answers:
            yield self.equivalence.verdict(answer, wanted)
