"""What verifiers of math answers have in common."""

from monkeys.verification import verifier
from monkeys.verification.answers import rationals
from monkeys.verification.answers.equivalence import Equivalence
from monkeys.verification.verifier import Settings


class AnswerVerifier(verifier.Verifier):
    """A verifier that compares answers with the gold answer."""

    votes = True
    second_grader = "Math-Verify"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.equivalence = Equivalence(settings)

    @staticmethod
    def spelling(answer: str) -> str:
        """Plain numbers in lowest terms; other answers are compared as they are written."""
        return rationals.spelling(answer)

    def __exit__(self, *_: object) -> None:
        self.equivalence.close()
