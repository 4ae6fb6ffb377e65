"""From a dataset to a problems file: which problems, which prompts, and what the verifier needs.

A task is defined by its config. A built-in task is a set of default settings, plus what settings cannot express; each
module of `monkeys.tasks.builtin` defines one.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from monkeys.tasks import builtin
from monkeys.tasks.task import Task

__all__ = ["NONE", "Task", "load", "names"]

NONE = "none"
"""`base` of a task that inherits no built-in settings."""


def names() -> list[str]:
    """Names of all built-in tasks."""
    return sorted(module.name for module in pkgutil.iter_modules(builtin.__path__))


def load(base: str, options: Mapping[str, Any] | None = None) -> Task:
    """The built-in task of this name with these options, or the default `Task` for tasks defined by config alone."""
    if base == NONE:
        return Task()
    return importlib.import_module(f"monkeys.tasks.builtin.{base}").Task(options)
