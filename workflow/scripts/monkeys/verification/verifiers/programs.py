"""Programs that read standard input and write standard output, judged on test cases as in CodeContests."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monkeys.verification.code import FENCE, ProgramVerifier, uncertain_verdict
from monkeys.verification.outputs import same_output
from monkeys.verification.sandbox import Limits, Sandbox
from monkeys.verification.verifier import Settings, Verdict


class Verifier(ProgramVerifier):
    """A program is correct if it exits with status 0 and prints the expected output on every test case.

    The reference is a list of {input, output}.
    """

    version = 4

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._inputs: dict[str, list[bytes]] = {}

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """The reference must be test cases whose outputs fit within the output limit."""
        cases = problem["reference"]
        if not cases or not all(isinstance(case, Mapping) and {"input", "output"} <= case.keys() for case in cases):
            raise ValueError("its reference must be a list of at least one test case {input, output}")
        longest = max(len(case["output"].encode()) for case in cases)
        if longest >= Limits.output_bytes:
            raise ValueError(
                f"an expected output has {longest:,} bytes; a run may print fewer than {Limits.output_bytes:,}"
            )

    def extract(self, text: str) -> str | None:
        """The program, stripped as by the paper's judge, since prompts end in `A:`."""
        program = super().extract(text)
        return program and (FENCE if program.startswith(FENCE) else "") + program.removeprefix(FENCE).strip()

    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterator[Verdict]:
        """Run each program until a test case fails, starting with the cases that most earlier programs failed."""
        cases = self.cases(problem)
        inputs = self._inputs.setdefault(problem["problem_id"], [case["input"].encode() for case in cases])
        expected = [case["output"].encode() for case in cases]
        failures = [0] * len(cases)
        with self.sandbox(problem) as box:
            box.load(inputs)
            for answer in answers:
                yield self._judge(box, problem, answer, expected, failures)

    def _judge(
        self, box: Sandbox, problem: Mapping[str, Any], answer: str, expected: list[bytes], failures: list[int]
    ) -> Verdict:
        """Judge one program, and count the test case it fails."""
        program = self.program(problem, answer.removeprefix(FENCE))
        for case in sorted(range(len(expected)), key=lambda case: -failures[case]):
            run = box.run(program, case)
            if run.status == "finished" and self.same(problem, run.output, expected[case]):
                continue
            if not run.certain:
                return uncertain_verdict(run)
            failures[case] += 1
            if run.status == "syntax_error" and not answer.startswith(FENCE):
                return Verdict("no_answer")  # prose, not a program
            return Verdict({"finished": "wrong", "failed_assertion": "runtime_error"}.get(run.status, run.status))
        return Verdict("correct")

    def cases(self, problem: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
        """A problem's test cases."""
        cases: Sequence[Mapping[str, str]] = problem["reference"]
        return cases

    def program(self, problem: Mapping[str, Any], code: str) -> str:
        """The program to run for a sample's code."""
        return code

    def same(self, problem: Mapping[str, Any], printed: bytes, expected: bytes) -> bool:
        """Whether what a program printed is what is expected."""
        return same_output(printed, expected)
