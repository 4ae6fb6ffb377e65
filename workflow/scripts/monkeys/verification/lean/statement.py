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
    """What is to be proved."""

    name: str
    signature: str
    """What stands between the name and `:=`: binders, a colon and the proposition."""

    def proved(self, proof: str, suffix: str = "") -> str:
        """A theorem of this signature with a proof, all of it, and something added to its name."""
        return f"theorem {self.name}{suffix}{self.signature} := {proof}"


def parse(reference: object) -> Statement:
    """Read a statement that is left open: `theorem NAME … := sorry`, `… := by sorry` or `… :=`.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(reference, str):
        raise ValueError("its reference must be a text, a Lean theorem that ends in `:= sorry`")
    match = _THEOREM.fullmatch(lexer.without_comments(reference))
    if match is None:
        raise ValueError(
            f"its reference must be one theorem outside comments that ends in `:= sorry`, not {reference!r}"
        )
    statement = Statement(match["name"], match["signature"])
    if fault := bans.banned(statement.signature):
        raise ValueError(f"its reference must be one plain statement; {fault}: {reference!r}")
    if not _balanced(statement.signature):
        raise ValueError(f"the brackets of its reference do not match: {reference!r}")
    return statement


def _balanced(source: str) -> bool:
    open_ones: list[str] = []
    for kind, piece in lexer.tokens(source):
        if kind != "sign":
            continue
        if piece in _CLOSING:
            open_ones.append(_CLOSING[piece])
        elif piece in _CLOSING.values() and (not open_ones or open_ones.pop() != piece):
            return False
    return not open_ones
