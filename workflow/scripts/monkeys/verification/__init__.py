"""Decide for every sample whether it is correct, once per distinct text."""

from monkeys.verification.verdict import OUTCOMES, Verdict

__all__ = ["OUTCOMES", "VERIFIERS", "Verdict"]

VERIFIERS = {"gsm8k": 1, "programs": 1}
"""Name and version of every verifier. A raised version verifies again what older ones decided; nothing is resampled."""
