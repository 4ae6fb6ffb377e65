"""Config files as YAML: duplicate keys and syntax errors, with lines and columns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from monkeys.settings import Json
from monkeys.study.errors import MAPPING, ConfigError


def duplicate_keys(path: str | Path) -> list[str]:
    """Keys that stand twice in one place of a file, a line each; the first of their values is lost.

    Raises:
        ConfigError: it is not valid YAML; the message says in which line and column.
    """
    try:
        root = yaml.compose(Path(path).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        wrong = getattr(error, "problem", None) or str(error)
        raise ConfigError(
            f"{path}: {where}{wrong}; indent with spaces, and quote texts that contain `: `, `#` or braces"
        ) from None
    return list(_duplicates(path, root, ""))


def _duplicates(path: str | Path, node: Any, where: str) -> Iterator[str]:
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _duplicates(path, item, f"{where}.{number}")
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = f"{where}.{key.value}".lstrip(".")
            if name in lines and key.value != "<<":
                line = key.start_mark.line + 1
                yield f"{path}: {name} is given in line {lines[name]} and again in line {line}; the first is ignored"
            lines[name] = key.start_mark.line + 1
            if value.start_mark.index > key.start_mark.index:  # else an alias, which was checked where it is defined
                yield from _duplicates(path, value, name)


def load(path: str | Path) -> Json:
    """The config in a file.

    Raises:
        ConfigError: it is not a mapping.
    """
    config = yaml.safe_load(Path(path).read_text())
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: must be {MAPPING.partition(',')[0]}")
    return config
