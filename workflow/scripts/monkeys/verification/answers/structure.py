r"""Compound answers: tuples, intervals, sets, lists, unions, inequalities, matrices.

sympy's LaTeX parser rejects them or stops at the first comma, so they are split here and compared element by
element.
"""

import re
from collections.abc import Callable, Sequence, Set
from typing import NamedTuple

_SPELLINGS = (
    (re.compile(r"\\(?:left|right)(?![a-zA-Z])|\\q?quad|\\[!,:;]|~"), ""),
    (re.compile(r"\\[dtc]frac"), r"\\frac"),
    # normalisation removes spaces after commands, so a variable may follow directly
    (re.compile(r"\\leq(?:slant|q)?|\\le(?!ft|ss)"), "≤"),
    (re.compile(r"\\geq(?:slant|q)?|\\ge(?!ts)"), "≥"),
    (re.compile(r"\\lt(?!imes)"), "<"),
    (re.compile(r"\\gt(?!r)"), ">"),
    (re.compile(r"(?:\\?%|percent(?:age)?|pct)\Z"), ""),
    (re.compile(r"\A[a-zA-Z]\\in(?![a-zA-Z])"), ""),
)
_TOKEN = re.compile(r"\\(?:begin|end)\{[a-zA-Z]*\}|\\[a-zA-Z]+|\\.|.", re.DOTALL)
_OPENING = frozenset({"(", "[", "{", r"\{"})
_CLOSING = frozenset({")", "]", "}", r"\}"})
_UNION, _COMMA = frozenset({r"\cup"}), frozenset({","})
_MIRRORED = {">": "<", "≥": "≤", "<": ">", "≤": "≥"}
_THOUSANDS = re.compile(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])")
_OPENING_BRACKET = re.compile(r"[(\[]|\\\{")
_BRACKETED = re.compile(r"(\(|\[|\\\{)(.*?)(\)|\]|\\\})", re.DOTALL)
_MATRIX = re.compile(r"\\begin\{([a-z]*matrix)\}(.*)\\end\{\1\}", re.DOTALL)
_NEXT_ROW = re.compile(r"\\\\|\\(?![a-zA-Z])")
_BARE_COMMAND = re.compile(r"\A(?=[dt]?frac\{|sqrt[\[{])")


class Compound(NamedTuple):
    """An answer split into elements."""

    kind: tuple[str, ...]
    """Brackets and separators; compounds of different kinds are unequal."""
    elements: list[str]
    ordered: bool


def canonical_spelling(text: str) -> str:
    r"""Unify spellings with the same meaning, and remove an enclosing `\(…\)` and a leading `x \in`."""
    if text.startswith((r"\(", r"\[")) and text.rstrip(".").endswith((r"\)", r"\]")):
        text = text.rstrip(".")[2:-2]
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    return text


def parse(text: str) -> Compound | None:
    """Split a text at its outermost level; None if it is a single formula."""
    if matrix := _MATRIX.fullmatch(text):
        rows = [row.split("&") for row in _NEXT_ROW.split(matrix[2])]
        elements = [_BARE_COMMAND.sub(r"\\", element) for row in rows for element in row]
        return Compound(("matrix", *(str(len(row)) for row in rows)), elements, ordered=True)
    elements, found = _split(text, _UNION)
    if found:
        return Compound(tuple(found), elements, ordered=False)
    if not _OPENING_BRACKET.search(text):
        text = _THOUSANDS.sub(lambda number: number[0].replace(",", ""), text)
    elements, found = _split(text, _COMMA)
    if found:
        return Compound(tuple(found), elements, ordered=True)
    elements, found = _split(text, _MIRRORED.keys())
    if found:
        if found[0] in (">", "≥"):
            elements, found = elements[::-1], [_MIRRORED[sign] for sign in reversed(found)]
        return Compound(tuple(found), elements, ordered=True)
    return _bracketed(text)


def _bracketed(text: str) -> Compound | None:
    match = _BRACKETED.fullmatch(text)
    if not match:
        return None
    opening, inner, closing = match.groups()
    elements, found = _split(inner, _COMMA)
    is_set = opening == r"\{"
    if not found and not is_set:
        return None
    return Compound((opening, *found, closing), elements, ordered=not is_set)


def is_list(answer: Compound | None) -> bool:
    """Whether an answer is a list: elements separated by commas, without brackets."""
    return answer is not None and answer.kind[0] == ","


def first_element(text: str) -> str:
    """The first element of a list; other texts unchanged."""
    answer = parse(text)
    return answer.elements[0] if answer is not None and is_list(answer) else text


def equal(answer: Compound, gold: Compound, same: Callable[[str, str], bool]) -> bool:
    """Whether two compounds have the same structure, and equal elements according to `same`."""
    if answer.kind != gold.kind or len(answer.elements) != len(gold.elements):
        return False
    if gold.ordered:
        return all(map(same, answer.elements, gold.elements))
    return _equal_in_any_order(answer.elements, gold.elements, same)


def _equal_in_any_order(answers: Sequence[str], golds: Sequence[str], same: Callable[[str, str], bool]) -> bool:
    unmatched = list(golds)
    for element in sorted(answers, key=lambda element: element not in golds):  # textually equal ones first
        partner = element if element in unmatched else next((gold for gold in unmatched if same(element, gold)), None)
        if partner is None:
            return False
        unmatched.remove(partner)
    return True


def _split(text: str, separators: Set[str]) -> tuple[list[str], list[str]]:
    """Split at separators outside of all brackets: (elements, separators found)."""
    elements, found, depth, begin = [], [], 0, 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in _OPENING or token.startswith(r"\begin{"):
            depth += 1
        elif token in _CLOSING or token.startswith(r"\end{"):
            depth -= 1
        elif depth == 0 and token in separators:
            elements.append(text[begin : match.start()])
            found.append(token)
            begin = match.end()
    return [*elements, text[begin:]], found
