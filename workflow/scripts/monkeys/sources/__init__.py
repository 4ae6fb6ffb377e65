"""Where samples and outcomes come from. Every module here with a class of its name is a source."""

import importlib
import pkgutil
from functools import cache

from monkeys.sources.source import Source

__all__ = ["Source", "every"]

ORDER = ("weights", "endpoint", "published", "outcomes")


@cache
def every() -> tuple[type[Source], ...]:
    """All sources, those of this project first."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.name not in ("source", "paths")]
    ordered = sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return tuple(getattr(importlib.import_module(f"{__name__}.{name}"), name.capitalize()) for name in ordered)
