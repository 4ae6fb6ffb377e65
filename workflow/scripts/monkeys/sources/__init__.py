"""Where samples and outcomes come from. Every module here that defines a source adds its key to models."""

import importlib
import inspect
import pkgutil
from functools import cache

from monkeys.sources.source import Source

__all__ = ["Source", "every"]

FIRST = ("weights", "endpoint", "published", "outcomes")
"""The order in which people read of them; others follow by name."""


@cache
def every() -> tuple[type[Source], ...]:
    """All sources."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        for kind in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            here = inspect.isclass(kind) and kind.__module__ == f"{__name__}.{module.name}"
            if here and issubclass(kind, Source) and not inspect.isabstract(kind):
                found.append(kind)
    return tuple(sorted(found, key=lambda kind: (*(kind.key() != name for name in FIRST), kind.key())))
