"""From a dataset to a problems file: which problems, which prompts, and what the verifier needs.

A task is defined by its config. The built-in tasks are settings that a config starts from, and the little that settings
cannot say; every module of `monkeys.tasks.builtin` is one.
"""

import importlib
import pkgutil

from monkeys.tasks import builtin
from monkeys.tasks.task import Task

__all__ = ["NONE", "Task", "load", "names"]

NONE = "none"
"""What a task starts from that starts from nothing."""


def names() -> list[str]:
    """All built-in tasks."""
    return sorted(module.name for module in pkgutil.iter_modules(builtin.__path__))


def load(base: str) -> Task:
    """The built-in task of that name, or what a task is that a config alone defines."""
    if base == NONE:
        return Task()
    return importlib.import_module(f"monkeys.tasks.builtin.{base}").Task()
