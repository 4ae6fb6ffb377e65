r"""Final answers to MATH problems, judged as in the paper (section 2 and its released code); see docs/math-answers.md.

The reference is a solution whose last `\boxed{…}` holds the gold answer, or that answer alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification.answers import minerva
from monkeys.verification.answers.verifier import AnswerVerifier
from monkeys.verification.verifier import Verdict


class Verifier(AnswerVerifier):
    """Judges samples that end in "Final Answer: The final answer is $…$. I hope it is correct."."""

    version = 3
    threads = 8
    lists = True

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """A gold answer is needed that is not empty."""
        if not _comparable(Verifier.gold(problem)):
            raise ValueError(f"there is no answer in its reference {problem['reference']!r}")

    @staticmethod
    def gold(problem: Mapping[str, Any]) -> str:
        """The gold answer as it is written.

        Raises:
            ValueError: there is none.
        """
        reference = problem["reference"]
        if not isinstance(reference, str):
            raise ValueError("its reference must be a text, a solution with \\boxed{…} or the answer alone")
        answer = minerva.gold_in(reference) if "\\boxed" in reference else reference.strip()
        if answer is None:
            raise ValueError(f"there is no whole \\boxed{{…}} at the end of its reference {reference!r}")
        return answer

    def extract(self, text: str) -> str | None:
        """The answer as it is written."""
        return minerva.answer_in(text)

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Compare answers with the gold answer. A verdict's answer is normalised, so that equal answers look equal."""
        written = self.gold(problem)
        wanted = _comparable(written)
        for answer in answers:
            yield self.equivalence.verdict(_comparable(answer), wanted, (answer, written))


def _comparable(answer: str) -> str:
    """An answer, or the gold one, in the form in which they are compared."""
    return minerva.normalised(minerva.plain(answer))
