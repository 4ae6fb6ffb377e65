r"""Final answers of chat models to math problems: the last `\boxed{…}`, or else the last line that states an answer.

The reference is an answer, or a solution whose last `\boxed{…}` contains it. Answers are compared as by `minerva`.
"""

from monkeys.verification.answers.stated import after_thinking, boxed_answer, stated_answer
from monkeys.verification.verifiers import minerva


class Verifier(minerva.Verifier):
    r"""Judges samples that end in `\boxed{answer}`, or in a line such as "**Answer:** 42"."""

    version = 2

    def extract(self, text: str) -> str | None:
        """The answer as written, outside of the model's thinking."""
        text = after_thinking(text)
        return boxed_answer(text) or stated_answer(text)
