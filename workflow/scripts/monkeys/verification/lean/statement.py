"""The formal statement of a problem."""

import re
from dataclasses import dataclass

from monkeys.verification.lean import bans, lexer

_THEOREM = re.compile(
    r"\s*theorem\s+(?P<name>[^\W\d][\w'!?]*)(?P<signature>[\s:({\[⦃].*?)\s*:=\s*(?:(?:by\s+)?sorry)?\s*", re.DOTALL
)
_CLOSING = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⦃": "⦄", "⌊": "⌋", "⌈": "⌉"}


@dataclass(frozen=True)
class Statement:
    """A theorem's statement, without a proof."""

    name: str
    signature: str
    """Text between the name and `:=`: binders, a colon and the proposition."""

    def with_proof(self, proof: str, suffix: str = "") -> str:
        """The complete theorem with a proof; the suffix is appended to its name."""
        return f"theorem {self.name}{suffix}{self.signature} := {proof}"


def parse(reference: object) -> Statement:
    """Parse an open statement: `theorem NAME … := sorry`, `… := by sorry` or `… :=`.

    Raises:
        ValueError: it is not an open statement.
    """
    if not isinstance(reference, str):
        raise ValueError("its reference must be a string: a Lean theorem that ends in `:= sorry`")
    match = _THEOREM.fullmatch(lexer.without_comments(reference))
    if match is None:
        raise ValueError(
            f"its reference must be one theorem outside comments that ends in `:= sorry`, not {reference!r}"
        )
    statement = Statement(match["name"], match["signature"])
    if reason := bans.find_banned(statement.signature):
        raise ValueError(f"its reference must be one plain statement; {reason}: {reference!r}")
    if not _balanced(statement.signature):
        raise ValueError(f"the brackets of its reference do not match: {reference!r}")
    return statement


def _balanced(source: str) -> bool:
    expected: list[str] = []
    for kind, piece in lexer.tokens(source):
        if kind != "sign":
            continue
        if piece in _CLOSING:
            expected.append(_CLOSING[piece])
        elif piece in _CLOSING.values() and (not expected or expected.pop() != piece):
            return False
    return not expected
