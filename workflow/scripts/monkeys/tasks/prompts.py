"""Prompt templates: Jinja2 over the columns of a dataset row.

A config may come from an untrusted source, so its templates run in Jinja2's sandbox, with bounds on the size of their
output and of intermediate values.
"""

from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

MAX_CHARACTERS = 10_000_000
"""Maximum length of a template's output, about forty times the longest existing context."""


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox with bounds on the results of operators."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if _size_after(operator, left, right) > MAX_CHARACTERS:
            raise SecurityError(f"{operator} produces more than {MAX_CHARACTERS:,} characters or digits")
        return super().call_binop(context, operator, left, right)


def _size_after(operator: str, left: Any, right: Any) -> float:
    """Upper bound on the size of an operator's result: characters, items, or bits of a number."""
    texts, numbers = (str, bytes, list, tuple), (int,)
    if operator == "*" and isinstance(left, texts) and isinstance(right, numbers):
        return len(left) * right
    if operator == "*" and isinstance(right, texts) and isinstance(left, numbers):
        return len(right) * left
    if operator == "+" and isinstance(left, texts) and isinstance(right, texts):
        return len(left) + len(right)
    if operator == "**" and isinstance(left, numbers) and isinstance(right, numbers):
        return left.bit_length() * right
    if operator == "%" and isinstance(left, texts):  # a format may set any width
        return float("inf")
    return left.bit_length() + right.bit_length() if isinstance(left, numbers) and isinstance(right, numbers) else 0


def _check_not_none(value: Any) -> Any:
    """Refuse missing values, which Jinja2 would print as None."""
    if value is None:
        raise ValueError("a value in the template is missing; if that is intended, write {{ column or '' }}")
    return value


_ENVIRONMENT = _Environment(
    finalize=_check_not_none,
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,
    trim_blocks=False,
    optimized=False,  # compute nothing when a template is compiled
)


class Template:
    """A compiled template."""

    def __init__(self, text: str) -> None:
        self._template = _ENVIRONMENT.from_string(text)

    def render(self, row: Mapping[str, Any]) -> str:
        """Render the template for a row.

        Raises:
            jinja2.UndefinedError: the row lacks a column.
            ValueError: the template violates the sandbox, its output is too long, or it contains a missing value.
        """
        parts, length = [], 0
        try:
            for part in self._template.generate(row):
                parts.append(part)
                length += len(part)
                if length > MAX_CHARACTERS:
                    raise SecurityError(f"it produces more than {MAX_CHARACTERS:,} characters")
        except (SecurityError, OverflowError) as error:
            raise ValueError(f"the template does something that is not allowed: {error}") from None
        return "".join(parts)


def compile_template(template: str) -> Template:
    """Compile a template; its `render(row)` fails if the row lacks a column.

    Raises:
        ValueError: the template is not valid Jinja2.
    """
    try:
        return Template(template)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"not a valid template: {error} in {template!r}") from None


def names_in(template: str) -> set[str]:
    """Names that a template uses, such as columns."""
    return meta.find_undeclared_variables(_ENVIRONMENT.parse(template))
