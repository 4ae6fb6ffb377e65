"""The outcome of one sample."""

from dataclasses import dataclass

OUTCOMES = (
    "correct",
    "wrong",
    "no_answer",
    "syntax_error",
    "runtime_error",
    "timeout",
    "memory_limit",
    "output_limit",
    "verifier_error",
)
"""All outcomes. `verifier_error` says that the machine failed, not the sample: it is never counted as wrong."""


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one sample."""

    outcome: str
    answer: str | None = None
    """The final answer as the verifier read it; None where there is none to speak of (programs, no answer)."""
