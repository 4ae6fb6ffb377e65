"""Compare a program's output with the expected output, as CodeContests' own judge does.

Tokens are separated by white space, case is ignored, and numbers may differ by less than 1e-5 (Li et al. 2022, arXiv
2203.07814, and its released code).
"""

import re

TOLERANCE = 1e-5

MAX_NUMBER_LENGTH = 1000
"""Maximum length of a non-integer number, characters; longer tokens are compared as text."""

# Neither can match the same digits in two ways, so matching takes linear time.
_INTEGER = re.compile(rb"[+-]?\d+")
_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?")


def same_output(printed: bytes, expected: bytes) -> bool:
    """Whether two outputs have the same tokens."""
    if printed == expected:
        return True
    printed_tokens, expected_tokens = printed.lower().split(), expected.lower().split()
    return len(printed_tokens) == len(expected_tokens) and all(map(same_token, printed_tokens, expected_tokens))


def same_token(printed: bytes, expected: bytes) -> bool:
    """Whether two tokens are equal as text, as integers of any length, or as numbers within TOLERANCE.

    Numbers are finite decimals in the syntax of C's `strtod`: `1_000` is not a number; `inf` and `nan` equal only
    themselves.
    """
    if printed == expected:
        return True
    if _INTEGER.fullmatch(printed) and _INTEGER.fullmatch(expected):
        return _canonical_integer(printed) == _canonical_integer(expected)
    if max(len(printed), len(expected)) > MAX_NUMBER_LENGTH or not (
        _NUMBER.fullmatch(printed) and _NUMBER.fullmatch(expected)
    ):
        return False
    return abs(float(printed) - float(expected)) < TOLERANCE


def _canonical_integer(integer: bytes) -> bytes:
    """An integer without redundant zeros and signs; kept as text because parsing long ones takes quadratic time."""
    digits = integer.lstrip(b"+-").lstrip(b"0")
    return b"-" + digits if digits and integer.startswith(b"-") else digits
