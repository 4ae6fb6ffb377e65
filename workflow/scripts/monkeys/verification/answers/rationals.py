"""Exact comparison of plain numbers, without computer algebra."""

import re
from fractions import Fraction

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]*\.[0-9]+")
_QUOTIENT = re.compile(r"([+-]?)(?:\\[dt]?frac\{([+-]?[0-9]+)\}\{([+-]?[0-9]+)\}|([0-9]+)/([0-9]+))")

_MAX_LENGTH = 1000
"""Maximum length of a number to compute with, characters (Python's limit is 4300). Integers are compared as text."""


def equal(answer: str, gold: str) -> bool | None:
    r"""Whether two plain numbers (`-7`, `0.50`, `\frac{1}{2}`, `1/2`) are equal; None if that cannot be decided here.

    It cannot if one is not a plain number, or if a decimal is so close to the other number that it may be a truncated
    form of it.
    """
    integer, gold_integer = _integer(answer), _integer(gold)
    if integer and gold_integer:
        return integer == gold_integer
    x, y = _value(answer), _value(gold)
    if x is None or y is None:
        # an integer longer than any value we compute with cannot equal one
        too_long = any(len(each or "") > _MAX_LENGTH + 1 for each in (integer, gold_integer))
        return False if too_long and (x is not None or y is not None) else None
    if x == y:
        return True
    exact = "." not in answer and "." not in gold
    return False if exact or abs(x - y) > abs(y) / 10**9 else None


def canonical(answer: str) -> str:
    r"""A plain number in lowest terms; other texts unchanged. `0.50`, `1/2` and `\frac{2}{4}` are all `1/2`."""
    value = _value(answer)
    return answer if value is None else str(value)


def _integer(text: str) -> str | None:
    """An integer without redundant signs and zeros; None for other texts."""
    if not _INTEGER.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0") or "0"
    return f"-{digits}" if text[0] == "-" and digits != "0" else digits


def _value(text: str) -> Fraction | None:
    if len(text) > _MAX_LENGTH:
        return None
    if _INTEGER.fullmatch(text) or _DECIMAL.fullmatch(text):
        return Fraction(text)
    if match := _QUOTIENT.fullmatch(text):
        sign, upper, lower, left, right = match.groups()
        numerator, denominator = int(upper or left), int(lower or right)
        if denominator:
            return Fraction(-numerator if sign == "-" else numerator, denominator)
    return None
