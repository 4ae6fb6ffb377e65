"""Whether two formulas are equal, by computer algebra; loaded by worker processes alone.

Nothing here bounds time or memory: `worker` does.
"""

import functools
import random
from typing import Any

import sympy
from sympy.parsing.latex import parse_latex

_UNSURE = (sympy.Integral, sympy.Sum, sympy.Product, sympy.Limit, sympy.Derivative)
"""Where they occur, the value of a difference at a point is not known to be right."""


def equivalent(answer: str, gold: str) -> bool:
    """Whether the difference of two formulas in LaTeX simplifies to zero (paper, section 2, as in its released code).

    What cannot be parsed or subtracted is not equal to anything.
    """
    try:
        difference = _parsed(answer) - _parsed(gold)
        # the parser leaves sums and products as they are written; with like terms gathered, the rest is easier to see
        gathered = difference.doit()
        return bool(gathered == 0 or (not _certainly_not_zero(gathered) and sympy.simplify(difference) == 0))
    except MemoryError:
        raise
    except Exception:
        return False


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> Any:
    formula = parse_latex(text)
    # decimals are the numbers that they say, not the floating-point numbers nearest to them
    return formula.xreplace({number: sympy.Rational(str(number)) for number in formula.atoms(sympy.Float)})


def _certainly_not_zero(difference: Any) -> bool:
    """Whether it has a value other than zero somewhere, which is much faster to see than to simplify.

    Variables get values at random, the same for the same names; `strict` asks for digits that are all right.
    """
    if difference.is_Number:
        return bool(difference != 0)
    if difference.has(*_UNSURE):
        return False
    try:
        point = {symbol: _at_random(symbol.name) for symbol in difference.free_symbols}
        value = complex(difference.evalf(8, subs=point, maxn=60, strict=True))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return False
    return 1e-20 < abs(value) < 1e20


@functools.cache
def _at_random(name: str) -> sympy.Rational:
    return sympy.Rational(random.Random(name).randrange(10**6, 10**7), 2**21)


def math_verify_says(answer: str, gold: str) -> bool:
    """What Math-Verify thinks of an answer."""
    import math_verify

    gold_parsed, answer_parsed = (math_verify.parse(_delimited(text), parsing_timeout=None) for text in (gold, answer))
    return math_verify.verify(gold_parsed, answer_parsed, timeout_seconds=None)


def _delimited(text: str) -> str:
    """Math-Verify reads LaTeX between dollar signs."""
    return text if "$" in text else f"${text}$"


def self_test(second_opinion: bool) -> None:
    """See that formulas can be parsed at all, and load what the first comparisons would load.

    Raises:
        RuntimeError: they cannot; every comparison would come out as "not equal".
    """
    try:
        parse_latex("1")
    except ImportError as error:
        raise RuntimeError(f"sympy cannot parse LaTeX, it needs antlr4-python3-runtime==4.11.*: {error}") from error
    pairs = [(r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"), ("(x+1)^2", "x^2+2x+1"), (r"\sin^2{x}", r"1-\cos^2{x}")]
    if not all(equivalent(*pair) for pair in pairs) or equivalent("x", "y"):
        raise RuntimeError("sympy compares formulas wrongly")
    if second_opinion and not (math_verify_says(r"\frac{2}{4}", "0.5") and not math_verify_says("1", "2")):
        raise RuntimeError(
            "Math-Verify compares formulas wrongly; it needs antlr4-python3-runtime==4.11.* as sympy does"
        )
