"""Programs that read standard input and write standard output, judged on test cases as in the paper."""

import re
from typing import Any

from monkeys.verification.sandbox import Limits, Sandbox
from monkeys.verification.verdict import Verdict

_FENCED = re.compile(r"```(?:python)?(.*?)(?:```|\Z)", re.DOTALL)
_INTEGER = re.compile(r"[+-]?\d{1,4000}")


def extract(text: str) -> str:
    """The program in a sample: what stands in the first ``` block, else the whole text."""
    match = _FENCED.search(text)
    return match[1] if match else text


def same_token(printed: str, expected: str) -> bool:
    """Equal texts, equal integers, or other numbers that differ by less than 1e-5."""
    if printed == expected:
        return True
    if _INTEGER.fullmatch(printed) and _INTEGER.fullmatch(expected):
        return int(printed) == int(expected)
    try:
        return abs(float(printed) - float(expected)) < 1e-5
    except ValueError:
        return False


def same_output(printed: str, expected: str) -> bool:
    """Whether two outputs agree token by token; white space and case do not count."""
    ours, theirs = printed.lower().split(), expected.lower().split()
    return len(ours) == len(theirs) and all(map(same_token, ours, theirs))


class Verifier:
    """Judges programs of one task in one sandbox.

    Args:
        limits: cpu_seconds, memory_mb, allow_unsandboxed.
    """

    def __init__(self, limits: dict[str, Any]) -> None:
        self._sandbox = Sandbox(
            Limits(cpu_seconds=limits["cpu_seconds"], memory_mb=limits["memory_mb"]),
            allow_unsandboxed=limits["allow_unsandboxed"],
        )

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *_: object) -> None:
        self._sandbox.close()

    def guarantees(self) -> dict[str, Any]:
        """What the sandbox was seen to prevent on this machine."""
        return self._sandbox.guarantees

    def verify(self, reference: list[dict[str, str]], text: str) -> Verdict:
        """Run a sample's program on the test cases (input, output) until one fails.

        As in the paper, the output alone decides: a program that prints the right answer and then crashes passes.
        """
        program = extract(text)
        if not program.strip():
            return Verdict("no_answer")
        for case in reference:
            run = self._sandbox.run(program, case["input"])
            if run.status == "verifier_error":
                return Verdict("verifier_error")
            if run.status in ("finished", "runtime_error") and same_output(run.output, case["output"]):
                continue
            return Verdict("wrong" if run.status == "finished" else run.status)
        return Verdict("correct")
