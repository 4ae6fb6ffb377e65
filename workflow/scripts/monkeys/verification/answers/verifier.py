"""Base class of verifiers of math answers."""

from monkeys.verification import verifier
from monkeys.verification.answers import rationals
from monkeys.verification.answers.equivalence import Equivalence
from monkeys.verification.verifier import Settings


class AnswerVerifier(verifier.Verifier):
    """A verifier that compares answers with a gold answer."""

    votes = True
    second_grader = "Math-Verify"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.equivalence = Equivalence(settings)

    @staticmethod
    def canonical(answer: str) -> str:
        """Plain numbers in lowest terms; other answers unchanged."""
        return rationals.canonical(answer)

    def __exit__(self, *_: object) -> None:
        self.equivalence.close()
