"""Prompt templates: Jinja2 over the columns of a dataset row.

A config may come from somebody else, so its templates run in Jinja2's sandbox, and neither what they write nor a value
that they compute on the way may grow without bound.
"""

from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

MOST_CHARACTERS = 10_000_000
"""The longest text that a template may make; some forty times the longest context that there is."""


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, with bounds on what operators make of small numbers and texts."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if _size_after(operator, left, right) > MOST_CHARACTERS:
            raise SecurityError(f"{operator} makes more than {MOST_CHARACTERS:,} characters or digits")
        return super().call_binop(context, operator, left, right)


def _size_after(operator: str, left: Any, right: Any) -> float:
    """At least how long the result of an operator is: characters or items, of numbers bits."""
    texts, numbers = (str, bytes, list, tuple), (int,)
    if operator == "*" and isinstance(left, texts) and isinstance(right, numbers):
        return len(left) * right
    if operator == "*" and isinstance(right, texts) and isinstance(left, numbers):
        return len(right) * left
    if operator == "+" and isinstance(left, texts) and isinstance(right, texts):
        return len(left) + len(right)
    if operator == "**" and isinstance(left, numbers) and isinstance(right, numbers):
        return left.bit_length() * right
    if operator == "%" and isinstance(left, texts):  # formats with a width
        return float("inf")
    return left.bit_length() + right.bit_length() if isinstance(left, numbers) and isinstance(right, numbers) else 0


def _shown(value: Any) -> Any:
    """What a template shows of a value; one that is missing would be read as the word None."""
    if value is None:
        raise ValueError("a value that it shows is missing; where that is meant, write {{ column or '' }}")
    return value


_ENVIRONMENT = _Environment(
    finalize=_shown,
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,
    trim_blocks=False,
    optimized=False,  # nothing is computed before a template is used
)


class Template:
    """A compiled template."""

    def __init__(self, text: str) -> None:
        self._template = _ENVIRONMENT.from_string(text)

    def render(self, row: Mapping[str, Any]) -> str:
        """The text for a row.

        Raises:
            jinja2.UndefinedError: the row has no such column.
            ValueError: the template does what no template may do, makes too long a text, or shows a missing value.
        """
        parts, length = [], 0
        try:
            for part in self._template.generate(row):
                parts.append(part)
                length += len(part)
                if length > MOST_CHARACTERS:
                    raise SecurityError(f"it makes more than {MOST_CHARACTERS:,} characters")
        except (SecurityError, OverflowError) as error:
            raise ValueError(f"a template does what is not allowed: {error}") from None
        return "".join(parts)


def compile_template(template: str) -> Template:
    """A template whose `.render(row)` fails on a column that the row does not have.

    Raises:
        ValueError: the template is not valid Jinja2.
    """
    try:
        return Template(template)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"not a valid template: {error} in {template!r}") from None


def names_in(template: str) -> set[str]:
    """The columns, or other names, that a template uses."""
    return meta.find_undeclared_variables(_ENVIRONMENT.parse(template))
