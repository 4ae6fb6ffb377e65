"""Judge whether samples are correct, once per distinct answer.

A task names its verifier, a module of `monkeys.verification.verifiers`.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from monkeys.verification import verifiers
from monkeys.verification.verifier import OUTCOMES, Lean, Settings, Verdict, Verifier

__all__ = ["OUTCOMES", "Lean", "Settings", "Verdict", "Verifier", "check", "load", "names"]


def names() -> list[str]:
    """Names of all verifiers."""
    return sorted(module.name for module in pkgutil.iter_modules(verifiers.__path__))


def load(name: str) -> type[Verifier]:
    """The class of a verifier."""
    return importlib.import_module(f"monkeys.verification.verifiers.{name}").Verifier


def check(name: str, problem: Mapping[str, Any]) -> None:
    """Check that a verifier can judge samples of a problem (a row of the problems file).

    Raises:
        ValueError: it cannot; the message names the problem and what the verifier needs.
    """
    try:
        load(name).check(problem)
    except (ValueError, TypeError) as error:  # TypeError: the reference has an unexpected type
        raise ValueError(f"problem {problem['problem_id']} cannot be verified by {name}: {error}") from None
