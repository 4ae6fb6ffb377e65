"""Mistakes in a config, in the words of people: key path, what is wrong, what is allowed."""

import difflib
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monkeys.study.reference import descriptions

RENAMED = {
    "shard": "shard_size",
    "bootstrap": "bootstrap_resamples",
    "subsets": "vote_subsets",
    "overlong_prompts": "on_context_overflow",
    "attempt": "sample",
    "about": "context",
}
"""Keys by their former names."""

MAPPING = "lines of `name: value`, indented further"

WANTED = {
    "model_type": MAPPING,
    "dict_type": MAPPING,
    "list_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}
"""What people call the types that pydantic misses."""

BOUNDS = {
    "greater_than_equal": ("ge", "is less than the minimum of"),
    "greater_than": ("gt", "is not greater than"),
    "less_than_equal": ("le", "is greater than the maximum of"),
    "less_than": ("lt", "is not less than"),
}


class ConfigError(ValueError):
    """The study's config cannot be run; the message names each key and what is allowed there."""


def explain(error: ValidationError, study: type[BaseModel]) -> Iterator[str]:
    """All mistakes, each in one line.

    Args:
        error: What pydantic found.
        study: The class of a whole config.
    """
    missing: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for detail in error.errors(include_url=False):
        if detail["type"] == "missing":
            missing[detail["loc"][:-1]].append(str(detail["loc"][-1]))
        else:
            yield _explain(detail, study)
    for place, keys in missing.items():
        yield f"{_path(place)}: missing {', '.join(keys)}"


def _path(place: tuple[Any, ...]) -> str:
    """The key's path, without the marks that pydantic adds for the options of a key."""
    return ".".join(str(part) for part in place if part != "[key]" and not str(part).startswith("<")) or "config"


def _explain(detail: ErrorDetails, study: type[BaseModel]) -> str:
    place, kind, value, context = detail["loc"], detail["type"], detail["input"], detail.get("ctx", {})
    path = _path(place)
    if kind == "extra_forbidden":
        return (
            f"{_path(place[:-1])}: unknown key {place[-1]!r}; {_meant(str(place[-1]), _at(study, place[:-1]), study)}"
        )
    if place[-1] == "[key]":
        rule = "names use letters, digits, '.', '_', '-' and start with a letter or digit"
        return f"{path}: {value!r} is not a name; {rule}"
    about = _described(study, place)
    if kind in WANTED:
        wanted = WANTED[kind]
        if value is None:
            return f"{path}: is empty, and must be {wanted}{about}"
        if kind == "list_type" and isinstance(value, str | int | float):
            return f"{path}: must be {wanted}: [{value}]{about}"
        number = re.sub("[,_ ]", "", value) if isinstance(value, str) and kind in ("int_type", "float_type") else ""
        written = f", written as {float(number):.15g}" if re.fullmatch(r"\d+(\.\d+)?(e\d{1,2})?", number) else ""
        return f"{path}: must be {wanted}{written}, but is {value!r}{about}"
    if kind in BOUNDS:
        bound, words = BOUNDS[kind]
        return f"{path}: {value!r} {words} {context[bound]:.15g}{about}"
    if kind in ("too_short", "string_too_short"):
        return f"{path}: is empty{about}"
    if kind == "literal_error":
        return f"{path}: {value!r} is not one of {context['expected'].replace(' or ', ', ')}{about}"
    if kind == "string_pattern_mismatch":
        return f"{path}: {value!r} does not match {context['pattern']}{about}"
    if kind == "not_allowed":
        return f"{path}: {value!r} is not allowed{about}"
    return f"{path}: {detail['msg']}{about}"


def parts(kind: Any) -> Iterator[type[BaseModel]]:
    """The classes of settings that a type allows: of itself, or of what it maps names to."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for argument in get_args(kind):
        yield from parts(argument)


def _at(study: type[BaseModel], place: tuple[Any, ...]) -> type[BaseModel]:
    """The class of the settings at a place of the config."""
    here = study
    for part in place:
        if part in here.model_fields and (below := list(parts(here.model_fields[part].annotation))):
            here = below[0]
    return here


def _described(study: type[BaseModel], place: tuple[Any, ...]) -> str:
    """The description of a key, in parentheses."""
    names = [part for part in place if isinstance(part, str)]
    for end in range(len(names), 0, -1):
        kind = _at(study, tuple(names[: end - 1]))
        field = kind.model_fields.get(names[end - 1])
        if field is not None:
            text = descriptions(kind).get(names[end - 1])
            return f" ({text})" if text else ""
    return ""


def _meant(key: str, here: type[BaseModel], study: type[BaseModel]) -> str:
    """What an unknown key is likely to be: a misspelt one, or one of another place; else those that are allowed."""
    allowed = here.model_fields
    if (new := RENAMED.get(key)) in allowed:
        return f"it is called {new!r} now"
    places = {"": study, "tasks.*": _at(study, ("tasks",)), "models.*": _at(study, ("models",))}
    places["rewards.*"] = _at(study, ("rewards",))

    def holders(within: type[BaseModel], prefix: str) -> list[str]:
        found = (
            name
            for name, field in within.model_fields.items()
            for part in parts(field.annotation)
            if key in part.model_fields and f"{name}.*" not in places
        )
        return [f"{prefix}.{name}".lstrip(".") for name in found]

    near = holders(here, "") + [name or "no other key" for name, part in places.items() if key in part.model_fields]
    if not near and (like := difflib.get_close_matches(key, allowed, n=1)):
        return f"did you mean {like[0]!r}?"
    places_of_key = near or [place for name, part in places.items() for place in holders(part, name)]
    return (
        f"it belongs under {' or '.join(places_of_key)}" if places_of_key else f"allowed: {', '.join(sorted(allowed))}"
    )


def unusable(config: Any, where: str = "", others: bool = False) -> Iterator[str]:
    """Keys that are no text, and numbers that no setting can have; the keys of `others` are theirs to judge."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            path = f"{where}.{key}".lstrip(".")
            if not isinstance(key, str) and not others:
                yield f"{path}: the name must be text, not {key!r}; put it in quotes"
            else:
                yield from unusable(value, path, others or key in ("parameters", "arguments"))
    elif isinstance(config, list):
        for number, value in enumerate(config):
            yield from unusable(value, f"{where}.{number}", others)
    elif isinstance(config, float) and not math.isfinite(config):
        yield f"{where}: {config} is not a finite number"
    elif isinstance(config, int | float) and abs(config) > 1e15:
        yield f"{where}: {float(config) if abs(config) < 1e300 else 'it'} is too large for any setting"
