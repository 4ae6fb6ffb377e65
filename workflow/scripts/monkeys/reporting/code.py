"""Digest of the project's code behind a function: the function and every function, class and constant that it uses.

Snakemake remakes a result when this digest changes. Modules are parsed, not imported, which takes milliseconds and
needs no packages. Code that is looked up by a computed name, such as a verifier, is not followed.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[2]

Symbol = tuple[str, str]
"""A module of the project and one of its top-level names; `*` stands for all names."""


class _Source:
    """A source file of the project, by top-level name."""

    def __init__(self, name: str, path: Path) -> None:
        text = path.read_text()
        self.name = name
        self.lines = text.splitlines()
        self.defined: dict[str, list[ast.stmt]] = {}
        self.imported: dict[str, Symbol] = {}
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.imported |= _imports(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.defined.setdefault(node.name, []).append(node)
            else:
                targets = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
                for target in targets or {""}:
                    self.defined.setdefault(target, []).append(node)

    def text(self, node: ast.stmt) -> str:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        return "\n".join(self.lines[first - 1 : node.end_lineno])

    def used_symbols(self, node: ast.stmt) -> Iterator[Symbol]:
        """Symbols that a statement uses."""
        imported = dict(self.imported)
        for part in ast.walk(node):
            if isinstance(part, ast.Import | ast.ImportFrom):
                imported |= _imports(part)
        module_names = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                module, name = imported.get(part.value.id, ("", ""))
                if module and name == "*":
                    module_names.add(part.value)
                    yield module, part.attr
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part not in module_names:
                if part.id in imported:
                    yield imported[part.id]
                elif part.id in self.defined:
                    yield self.name, part.id


def _imports(node: ast.Import | ast.ImportFrom) -> dict[str, Symbol]:
    """Symbols of the project that an import binds, by local name."""
    found = {}
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            module, full_name = node.module or "", f"{node.module}.{alias.name}"
            found[alias.asname or alias.name] = (full_name, "*") if _path(full_name) else (module, alias.name)
        else:
            found[alias.asname or alias.name] = alias.name, "*"
    return {name: symbol for name, symbol in found.items() if symbol[0].partition(".")[0] == "monkeys"}


def _path(module: str) -> Path | None:
    """File of a module of the project; None for other modules."""
    folder = SCRIPTS.joinpath(*module.split("."))
    return next((path for path in (folder.with_suffix(".py"), folder / "__init__.py") if path.is_file()), None)


@cache
def _source(module: str) -> _Source | None:
    path = SCRIPTS / f"{module.removeprefix('scripts.')}.py" if module.startswith("scripts.") else _path(module)
    return _Source(module, path) if path else None


@cache
def code_digest(*wanted: Symbol) -> str:
    """Digest of these symbols and all that they use; see `reachable_code`."""
    found = reachable_code(*wanted)
    return hashlib.sha256("\0".join(f"{name} {found[name]}" for name in sorted(found)).encode()).hexdigest()[:16]


def reachable_code(*wanted: Symbol) -> dict[str, str]:
    """Source of these symbols and of all that they use, by qualified name.

    Args:
        wanted: Top-level names of the project's modules; `("scripts.table", "*")` is the script of a rule.
    """
    seen: dict[Symbol, str] = {}
    waiting = list(wanted)
    while waiting:
        symbol = waiting.pop()
        if symbol not in seen:
            seen[symbol], used = _text_and_uses(*symbol)
            waiting += used
    return {".".join(symbol): text for symbol, text in seen.items() if text}


@cache
def _text_and_uses(module: str, name: str) -> tuple[str, list[Symbol]]:
    """Source of a top-level name, and the symbols that it uses."""
    source = _source(module)
    if source is None:
        return "", []
    if name == "*":
        return "", [(module, defined) for defined in source.defined]
    if name in source.defined:
        nodes = source.defined[name]
        return "\n".join(map(source.text, nodes)), [used for node in nodes for used in source.used_symbols(node)]
    if name in source.imported:
        return "", [source.imported[name]]
    return "", [(f"{module}.{name}", "*")] if _path(f"{module}.{name}") else []
