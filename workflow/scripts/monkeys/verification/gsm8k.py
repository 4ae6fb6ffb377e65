"""Final answers in GSM8K's form, `#### 42`, judged as in the paper (section 2 and its released code)."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from monkeys.verification.verdict import Verdict

_ANSWER = re.compile(r"#### (\-?[$0-9.,]+)")


def extract(text: str) -> str | None:
    """The first answer in a text, without commas, dollar signs and a final full stop; None if there is none."""
    match = _ANSWER.search(text)
    if match is None:
        return None
    return match[1].replace(",", "").replace("$", "").removesuffix(".")


def equal(answer: str, gold: str) -> bool:
    """Whether two extracted answers are the same text or the same number (`18` and `18.0`)."""
    if answer == gold:
        return True
    try:
        return Decimal(answer) == Decimal(gold)
    except InvalidOperation:
        return False


class Verifier:
    """Judges samples of one task.

    Args:
        limits: Not used by this verifier; grading takes microseconds.
    """

    def __init__(self, limits: dict[str, Any]) -> None:
        pass

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def guarantees(self) -> dict[str, Any]:
        """Nothing is executed, so there is nothing to isolate."""
        return {}

    def verify(self, reference: str, text: str) -> Verdict:
        """Judge one sample against the gold solution, which ends in `#### answer`.

        Raises:
            ValueError: the reference has no answer in that form.
        """
        gold = extract(reference)
        if gold is None:
            raise ValueError(f"no '#### answer' in the reference {reference!r}")
        answer = extract(text)
        if answer is None:
            return Verdict("no_answer")
        return Verdict("correct" if equal(answer, gold) else "wrong", answer)
