"""Prompt templates: Jinja2 over the columns of a dataset row."""

import jinja2
from jinja2 import meta

_ENVIRONMENT = jinja2.Environment(
    undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False, trim_blocks=False
)


def compile_template(template: str) -> jinja2.Template:
    """A template whose `.render(row)` fails on a column that the row does not have.

    Raises:
        ValueError: the template is not valid Jinja2.
    """
    try:
        return _ENVIRONMENT.from_string(template)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"not a valid template: {error} in {template!r}") from None


def names_in(template: str) -> set[str]:
    """The columns, or other names, that a template uses."""
    return meta.find_undeclared_variables(_ENVIRONMENT.parse(template))
