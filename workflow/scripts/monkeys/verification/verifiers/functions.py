"""Functions tested by assertions, as in HumanEval and MBPP."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification.code import FENCE, ProgramVerifier, uncertain_verdict
from monkeys.verification.verifier import Verdict


class Verifier(ProgramVerifier):
    """A sample is correct if all assertions that follow it hold.

    The reference is {before, after}: code that the sample continues (HumanEval's prompt, or nothing), and assertions.
    They run in the sample's own process, as in these tasks' original harnesses, so code written to deceive its tests
    can pass (docs/verifiers.md). Code that merely exits early or catches exceptions cannot.
    """

    version = 3

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """The reference must have {before, after}, with assertions that compile."""
        reference = problem["reference"]
        if not isinstance(reference, Mapping) or not {"before", "after"} <= reference.keys():
            raise ValueError("its reference must have {before, after}: code before the sample, assertions after it")
        if not reference["after"].strip():
            raise ValueError("`after` in its reference is empty: without assertions every sample would pass")
        try:
            compile(reference["after"], "after", "exec")
        except SyntaxError as error:
            raise ValueError(f"`after` in its reference is not a program: {error}") from None

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Run each sample between the code before it and the assertions after it."""
        before, after = problem["reference"]["before"], problem["reference"]["after"]
        with self.sandbox(problem) as box:
            box.load(_NO_INPUT)
            for answer in answers:
                end_marker = secrets.token_hex(16)
                program = answer.replace(FENCE, "\n", 1) if answer.startswith(FENCE) else answer
                run = box.run(f"{before}{program}\n{after}\n", 0, end_marker)
                if not run.certain:
                    yield uncertain_verdict(run)
                    continue
                outcome = {"finished": "wrong", "failed_assertion": "wrong"}.get(run.status, run.status)
                if run.status == "finished" and end_marker.encode() in run.output:
                    outcome = "correct"
                yield Verdict(outcome)


_NO_INPUT = [b""]
