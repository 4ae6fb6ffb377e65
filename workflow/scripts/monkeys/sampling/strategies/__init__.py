"""Ways of making a sample from completions. Every module here, except `strategy`, is one; a config names it."""

import importlib
import pkgutil

from monkeys.sampling.strategies.strategy import Ask, Problem, Strategy

__all__ = ["Ask", "Problem", "Strategy", "load", "names"]


def names() -> list[str]:
    """Names of all strategies."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "strategy")


def load(name: str) -> type[Strategy]:
    """The class of a strategy."""
    return importlib.import_module(f"{__name__}.{name}").Strategy
