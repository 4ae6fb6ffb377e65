"""Compare what a program printed with what was expected, as CodeContests' own judge does.

White space separates tokens, case does not count, numbers may differ by less than 1e-5 (Li et al. 2022, arXiv
2203.07814, and the code released with it).
"""

import re

TOLERANCE = 1e-5

LONGEST = 1000
"""Characters of a number that is no integer; longer ones equal only themselves."""

# Neither can match the same digits in two ways: time stays linear in the token's length.
_INTEGER = re.compile(rb"[+-]?\d+")
_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?")


def same_output(printed: bytes, expected: bytes) -> bool:
    """Whether two outputs agree token by token."""
    if printed == expected:
        return True
    ours, theirs = printed.lower().split(), expected.lower().split()
    return len(ours) == len(theirs) and all(map(same_token, ours, theirs))


def same_token(printed: bytes, expected: bytes) -> bool:
    """Equal texts, equal integers of any length, or other numbers that differ by less than TOLERANCE.

    Numbers are what C's `strtod` reads in decimal, without infinities: `1_000` is none, `inf` and `nan` equal only
    themselves.
    """
    if printed == expected:
        return True
    if _INTEGER.fullmatch(printed) and _INTEGER.fullmatch(expected):
        return _digits(printed) == _digits(expected)
    if max(len(printed), len(expected)) > LONGEST or not (_NUMBER.fullmatch(printed) and _NUMBER.fullmatch(expected)):
        return False
    return abs(float(printed) - float(expected)) < TOLERANCE


def _digits(integer: bytes) -> bytes:
    """The one way to write an integer; as text, because turning long ones into numbers takes quadratic time."""
    digits = integer.lstrip(b"+-").lstrip(b"0")
    return b"-" + digits if digits and integer.startswith(b"-") else digits
