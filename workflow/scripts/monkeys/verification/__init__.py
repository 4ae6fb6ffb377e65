"""Decide for every sample whether it is correct, once per distinct answer.

A task names its verifier; every module of `monkeys.verification.verifiers` is one.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from monkeys.verification import verifiers
from monkeys.verification.verifier import OUTCOMES, Lean, Settings, Verdict, Verifier

__all__ = ["OUTCOMES", "Lean", "Settings", "Verdict", "Verifier", "check", "load", "names"]


def names() -> list[str]:
    """All verifiers there are."""
    return sorted(module.name for module in pkgutil.iter_modules(verifiers.__path__))


def load(name: str) -> type[Verifier]:
    """The verifier of that name."""
    return importlib.import_module(f"monkeys.verification.verifiers.{name}").Verifier


def check(name: str, problem: Mapping[str, Any]) -> None:
    """See whether a verifier can judge samples of this problem, a row of the problems file.

    Raises:
        ValueError: it cannot; the message names the problem and what is needed.
    """
    try:
        load(name).check(problem)
    except (ValueError, TypeError) as error:  # a reference of another type is no better
        raise ValueError(f"problem {problem['problem_id']} cannot be verified by {name}: {error}") from None
