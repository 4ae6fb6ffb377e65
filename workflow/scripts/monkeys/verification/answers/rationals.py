"""Plain numbers, compared exactly and without computer algebra."""

import re
from fractions import Fraction

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]*\.[0-9]+")
_QUOTIENT = re.compile(r"([+-]?)(?:\\[dt]?frac\{([+-]?[0-9]+)\}\{([+-]?[0-9]+)\}|([0-9]+)/([0-9]+))")

_LONGEST = 1000
"""Characters of a number with which we compute (Python's limit is 4300); integers are compared as texts."""


def same(answer: str, gold: str) -> bool | None:
    r"""Whether two plain numbers (`-7`, `0.50`, `\frac{1}{2}`, `1/2`) are equal; None where that takes more than this.

    It takes more if one is no plain number, and if a decimal is so close to the other that its digits, cut off
    somewhere, could stand for it.
    """
    ours, theirs = _integer(answer), _integer(gold)
    if ours and theirs:
        return ours == theirs
    x, y = _value(answer), _value(gold)
    if x is None or y is None:
        # an integer that is longer than any value we compute with does not equal one
        beyond = any(len(integer or "") > _LONGEST + 1 for integer in (ours, theirs))
        return False if beyond and (x is not None or y is not None) else None
    if x == y:
        return True
    exact = "." not in answer and "." not in gold
    return False if exact or abs(x - y) > abs(y) / 10**9 else None


def spelling(answer: str) -> str:
    r"""A plain number in lowest terms, other texts as they are: `0.50`, `1/2` and `\frac{2}{4}` are all `1/2`."""
    value = _value(answer)
    return answer if value is None else str(value)


def _integer(text: str) -> str | None:
    """An integer as it is written without need of more signs and zeros; None for other texts."""
    if not _INTEGER.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0") or "0"
    return f"-{digits}" if text[0] == "-" and digits != "0" else digits


def _value(text: str) -> Fraction | None:
    if len(text) > _LONGEST:
        return None
    if _INTEGER.fullmatch(text) or _DECIMAL.fullmatch(text):
        return Fraction(text)
    if match := _QUOTIENT.fullmatch(text):
        sign, upper, lower, left, right = match.groups()
        numerator, denominator = int(upper or left), int(lower or right)
        if denominator:
            return Fraction(-numerator if sign == "-" else numerator, denominator)
    return None
