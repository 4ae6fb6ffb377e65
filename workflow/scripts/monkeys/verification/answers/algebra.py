"""Compare formulas by computer algebra. Loaded only in worker processes.

Time and memory are limited by `worker`, not here.
"""

import functools
import random
import re
from typing import Any

import sympy
from sympy.parsing.latex import parse_latex

_NUMERICALLY_UNRELIABLE = (sympy.Integral, sympy.Sum, sympy.Product, sympy.Limit, sympy.Derivative)
"""Expressions whose numerical value at a point may be wrong."""


def equivalent(answer: str, gold: str) -> bool:
    """Whether the difference of two LaTeX formulas simplifies to zero (paper, section 2, as in its released code).

    Formulas that cannot be parsed or subtracted are unequal.
    """
    try:
        difference = _parsed(answer) - _parsed(gold)
        # the parser leaves sums and products unevaluated; combining like terms makes the shortcuts below more effective
        combined = difference.doit()
        return bool(combined == 0 or (not _certainly_nonzero(combined) and sympy.simplify(difference) == 0))
    except MemoryError:
        raise
    except Exception:
        return False


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> Any:
    formula = parse_latex(text)
    # decimals stand for exact rationals, not for the nearest floating-point numbers
    return formula.xreplace({number: sympy.Rational(str(number)) for number in formula.atoms(sympy.Float)})


def _certainly_nonzero(difference: Any) -> bool:
    """Whether the difference is nonzero at a random point; much faster than simplifying it.

    The point depends only on the variables' names; `strict` guarantees that all digits are correct.
    """
    if difference.is_Number:
        return bool(difference != 0)
    if difference.has(*_NUMERICALLY_UNRELIABLE):
        return False
    try:
        point = {symbol: _random_value(symbol.name) for symbol in difference.free_symbols}
        value = complex(difference.evalf(8, subs=point, maxn=60, strict=True))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return False
    return 1e-20 < abs(value) < 1e20


@functools.cache
def _random_value(name: str) -> sympy.Rational:
    return sympy.Rational(random.Random(name).randrange(10**6, 10**7), 2**21)


def math_verify_equivalent(answer: str, gold: str) -> bool:
    """Whether Math-Verify considers two answers equal."""
    import math_verify

    gold_parsed, answer_parsed = (math_verify.parse(_delimited(text), parsing_timeout=None) for text in (gold, answer))
    return math_verify.verify(gold_parsed, answer_parsed, timeout_seconds=None)


_DOLLAR = re.compile(r"(?<!\\)\$")  # a delimiter, not the currency


def _delimited(text: str) -> str:
    """A text in dollar signs, where Math-Verify expects LaTeX."""
    return text if _DOLLAR.search(text) else f"${text}$"


def self_test(second_opinion: bool) -> None:
    """Check that formulas are parsed and compared correctly, and load everything the first comparisons need.

    Raises:
        RuntimeError: they are not; without this check every comparison could silently give "not equal".
    """
    try:
        parse_latex("1")
    except ImportError as error:
        raise RuntimeError(f"sympy cannot parse LaTeX; install antlr4-python3-runtime==4.11.*: {error}") from error
    pairs = [(r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"), ("(x+1)^2", "x^2+2x+1"), (r"\sin^2{x}", r"1-\cos^2{x}")]
    if not all(equivalent(*pair) for pair in pairs) or equivalent("x", "y"):
        raise RuntimeError("sympy compares formulas incorrectly")
    if second_opinion and not (math_verify_equivalent(r"\frac{2}{4}", "0.5") and not math_verify_equivalent("1", "2")):
        raise RuntimeError(
            "Math-Verify compares formulas incorrectly; like sympy, it needs antlr4-python3-runtime==4.11.*"
        )
