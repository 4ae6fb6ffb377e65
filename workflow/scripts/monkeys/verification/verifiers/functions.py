"""Functions that are tested by assertions, as in HumanEval and MBPP."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification.code import FENCE, ProgramVerifier, doubtful
from monkeys.verification.verifier import Verdict


class Verifier(ProgramVerifier):
    """A sample is correct if the assertions that follow it all hold.

    The reference is {before, after}: code that the sample continues (HumanEval's prompt, or nothing), and the
    assertions after it. Both run in the sample's own process, as in these tasks' own harnesses, so code that is written
    to deceive its tests can (docs/verifiers.md); one that only ends early, or catches what they raise, does not pass.
    """

    version = 3

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """The assertions must be a program."""
        reference = problem["reference"]
        if not isinstance(reference, Mapping) or not {"before", "after"} <= reference.keys():
            raise ValueError("its reference must have {before, after}: code before the sample, assertions after it")
        if not reference["after"].strip():
            raise ValueError("its reference has nothing in `after`: without assertions every sample would pass")
        try:
            compile(reference["after"], "after", "exec")
        except SyntaxError as error:
            raise ValueError(f"its reference's `after` is not a program: {error}") from None

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Run each sample between what comes before and after it."""
        before, after = problem["reference"]["before"], problem["reference"]["after"]
        with self.sandbox(problem) as box:
            box.load(_NO_INPUT)
            for answer in answers:
                end = secrets.token_hex(16)
                program = answer.replace(FENCE, "\n", 1) if answer.startswith(FENCE) else answer
                run = box.run(f"{before}{program}\n{after}\n", 0, end)
                if not run.certain:
                    yield doubtful(run)
                    continue
                outcome = {"finished": "wrong", "failed_assertion": "wrong"}.get(run.status, run.status)
                if run.status == "finished" and end.encode() in run.output:
                    outcome = "correct"
                yield Verdict(outcome)


_NO_INPUT = [b""]
