"""The reference of all keys: the text below each in the source, the schema for editors, and the page docs/config.md."""

import ast
import inspect
import itertools
import json
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel


@cache
def descriptions(kind: type[BaseModel]) -> dict[str, str]:
    """What each key of a class of settings means: the text below it in the source, in one line.

    pydantic reads it, too, if it is told to, but then every job would wait for that.
    """
    found = {name: field.description for name, field in kind.model_fields.items() if field.description}
    for base in kind.__mro__:
        for field, text in itertools.pairwise(_body(base) if base.__module__.startswith("monkeys") else ()):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found.setdefault(ast.unparse(field.target), " ".join(str(text.value.value).split()))
    return found


def _body(kind: type) -> list[ast.stmt]:
    """The statements of a class; none of one that was not written but made."""
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except OSError:
        return []
    (tree,) = ast.parse(source).body
    return tree.body if isinstance(tree, ast.ClassDef) else []


def schema(study: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a config, with descriptions, for editors."""
    root = study.model_json_schema()
    kinds = {kind.__name__: kind for kind in classes(study)}
    for name, node in [(study.__name__, root), *root.get("$defs", {}).items()]:
        node.pop("title", None)
        described = descriptions(kinds[name])
        for key, value in node.get("properties", {}).items():
            value.pop("title", None)
            node["properties"][key] = {"description": described[key], **value}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A study", **root}


def classes(kind: type[BaseModel]) -> list[type[BaseModel]]:
    """A class of settings and all those below it."""
    from monkeys.study.errors import parts

    found = [kind]
    for one in found:  # grows while it is read
        inner = (part for field in one.model_fields.values() for part in parts(field.annotation))
        found += [part for part in dict.fromkeys(inner) if part not in found]
    return found


def page(study: type[BaseModel]) -> str:
    """docs/config.md: a table of keys for every part of a config."""
    parts = schema(study)
    lines = [
        "# Config",
        "",
        "All keys of a study's config, their types and defaults. A key that is not listed here is an error. Written by",
        "`make reference` from the classes in `workflow/scripts/monkeys/study/` and `sources/`.",
    ]
    for title, place, node in _sections(parts):
        lines += [
            "",
            f"## {title}",
            "",
            *([place, ""] if place else []),
            "| key | type | default | meaning |",
            "|---|---|---|---|",
        ]
        for key, value in node["properties"].items():
            needed = key in node.get("required", ())
            default = "required" if needed else f"`{_short(value.get('default'))}`"
            meaning = value["description"].replace("|", "\\|")
            lines.append(f"| `{key}` | {_type(value)} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _sections(parts: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Title, description and schema of every part, in the order in which a reader meets them."""

    def below(node: dict[str, Any], path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        yield f"`{path}`" if path else "The top", "" if not path else node.get("description", ""), node
        for key, value in node["properties"].items():
            for name, many in _references(value):
                inner = parts["$defs"][name]
                yield from below(inner, f"{path}.{key}{'.*' if many else ''}".lstrip("."))

    yield from below(parts, "")


def _references(value: dict[str, Any], many: bool = False) -> Iterator[tuple[str, bool]]:
    """The parts that a key's schema refers to, and whether it maps names to them."""
    if "$ref" in value:
        yield value["$ref"].rpartition("/")[2], many
    for option in value.get("anyOf", ()):
        yield from _references(option, many)
    for option in value.get("oneOf", ()):
        yield from _references(option, many)
    if isinstance(value.get("additionalProperties"), dict):
        yield from _references(value["additionalProperties"], True)
    for inner in value.get("patternProperties", {}).values():
        yield from _references(inner, True)


def _type(value: dict[str, Any]) -> str:
    """A key's type in a few words."""
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    options = [option for option in (*value.get("anyOf", ()), *value.get("oneOf", ())) if option.get("type") != "null"]
    if options:
        return " or ".join(dict.fromkeys(map(_type, options)))
    kind = value.get("type", "mapping" if "$ref" in value else "any")
    words = {"string": "text", "object": "mapping", "array": "list", "boolean": "true, false"}
    return words.get(kind, kind)


def _short(default: Any) -> str:
    text = json.dumps(default, ensure_ascii=False)
    return "…" if isinstance(default, dict) and default else text.replace("|", "\\|")
