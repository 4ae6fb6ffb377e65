r"""Final answers to MATH problems, judged as in the paper (section 2 and its released code); see docs/math-answers.md.

The reference is a solution whose last `\boxed{…}` contains the gold answer, or the answer alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification.answers import minerva
from monkeys.verification.answers.verifier import AnswerVerifier
from monkeys.verification.verifier import Verdict


class Verifier(AnswerVerifier):
    """Judges samples that end in "Final Answer: The final answer is $…$. I hope it is correct."."""

    version = 4
    threads = 8
    lists = True

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """The reference must contain a non-empty gold answer."""
        if not _comparable(Verifier.gold(problem)):
            raise ValueError(f"its reference {problem['reference']!r} contains no answer")

    @staticmethod
    def gold(problem: Mapping[str, Any]) -> str:
        """The gold answer as written.

        Raises:
            ValueError: the reference has none.
        """
        reference = problem["reference"]
        if not isinstance(reference, str):
            raise ValueError("its reference must be a string: a solution with \\boxed{…} or the answer alone")
        answer = minerva.gold_in(reference) if "\\boxed" in reference else reference.strip()
        if answer is None:
            raise ValueError(f"the last \\boxed in its reference {reference!r} has no complete {{…}}")
        return answer

    def extract(self, text: str) -> str | None:
        """The answer as written."""
        return minerva.answer_in(text)

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Compare answers with the gold answer; verdicts contain the normalised answers."""
        gold = self.gold(problem)
        comparable_gold = _comparable(gold)
        for answer in answers:
            yield self.equivalence.verdict(_comparable(answer), comparable_gold, (answer, gold))


def _comparable(answer: str) -> str:
    """A sample's or gold answer, normalised for comparison."""
    return minerva.normalised(minerva.without_markup(answer))
