"""Programs and functions judged on test cases as in LiveCodeBench (Jain et al. 2024)."""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from decimal import Decimal, DecimalException
from typing import Any

from monkeys.verification.answers.stated import after_thinking
from monkeys.verification.code import FENCE
from monkeys.verification.verifier import Settings
from monkeys.verification.verifiers import programs

_BLOCK = re.compile(r"^[ \t]*+```[^`\n]*+\n(.*?)(?:^[ \t]*+```|\Z)", re.MULTILINE | re.DOTALL)

# The benchmark puts the same imports in the same order before every sample, whose code may rely on them.
_STAR = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics"),
    *("itertools", "functools", "operator", "io", "sys", "json", "builtins", "typing"),
)
_IMPORTS = "; ".join(
    [f"from {module} import *" for module in _STAR]
    + [f"import {module}" for module in _STAR if module not in ("builtins", "typing")]
    + ["sys.setrecursionlimit(50000)\n"]
)

_NOT_MAIN = '__name__ = "solution"\n'
"""Keeps a sample with a function from running its block `if __name__ == "__main__":`, as in the benchmark."""

_CALL = """
import json as _json, sys as _sys
_value = {call}(*[_json.loads(_line) for _line in _sys.stdin.read().split("\\n") if _line])
_sys.__stdout__.write("\\n{marker}" + _json.dumps(_value, separators=(",", ":")) + "\\n")
"""


class Verifier(programs.Verifier):
    """A sample is correct if its program, or its function, gives the expected output on every test case.

    The reference is {function, cases}: the name of the function, or null for programs that read standard input and
    write standard output; and a list of {input, output}. A function is called in the sandbox with the arguments that
    the input holds as JSON, one per line, and its value is compared here with the output, which is JSON, too.
    """

    version = 1

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        # Tells a function's value from what the sample prints. A sample that finds it out can but state a value, as it
        # can by returning one.
        self._marker = secrets.token_hex(16)

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """The reference must be {function, cases}, with JSON in the cases of a function."""
        reference = problem["reference"]
        if not isinstance(reference, Mapping) or not {"function", "cases"} <= reference.keys():
            raise ValueError("its reference must be {function, cases}: the function's name or null, and test cases")
        programs.Verifier.check({"reference": reference["cases"]})
        function = reference["function"]
        if function is None:
            return
        if not isinstance(function, str) or not function.isidentifier():
            raise ValueError(f"the function in its reference, {function!r}, is not a name")
        for case in reference["cases"]:
            for text in [*filter(None, case["input"].split("\n")), case["output"]]:
                try:
                    json.loads(text)
                except ValueError as error:
                    raise ValueError(f"a test case of a function holds {text[:100]!r}, not JSON: {error}") from None

    def extract(self, text: str) -> str | None:
        """The last ``` block after the model's thinking, as chat models give; None if there is none."""
        blocks = _BLOCK.findall(after_thinking(text))
        return FENCE + blocks[-1] if blocks and blocks[-1].strip() else None

    def cases(self, problem: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
        """A problem's test cases."""
        cases: Sequence[Mapping[str, str]] = problem["reference"]["cases"]
        return cases

    def program(self, problem: Mapping[str, Any], code: str) -> str:
        """The sample's code after the imports, and a call of its function, if the problem asks for one."""
        name = problem["reference"]["function"]
        if name is None:
            return _IMPORTS + code
        call = f"Solution().{name}" if "class Solution" in code else name
        return _IMPORTS + _NOT_MAIN + code + _CALL.format(call=call, marker=self._marker)

    def same(self, problem: Mapping[str, Any], printed: bytes, expected: bytes) -> bool:
        """Whether lines are the same as text or as numbers, or a function's value is the same."""
        if problem["reference"]["function"] is None:
            return _same_lines(printed.decode("utf-8", "replace"), expected.decode("utf-8", "replace"))
        _, returned, rest = printed.rpartition(self._marker.encode())
        return bool(returned) and _same_value(rest.partition(b"\n")[0], expected)


def _same_value(value: bytes, expected: bytes) -> bool:
    """Whether two JSON texts have the same value."""
    # do not parse what is too long to be the same: `false` for `0`, or \u00e9 for é, are the longest equals
    if len(value) > 6 * len(expected) + 100:
        return False
    try:
        return bool(json.loads(value) == json.loads(expected))
    except (ValueError, RecursionError):
        return False


def _same_lines(printed: str, expected: str) -> bool:
    """Whether two outputs have the same lines, apart from white space around them."""
    printed, expected = printed.strip(), expected.strip()
    if printed.count("\n") != expected.count("\n"):
        return False
    return all(map(_same_line, printed.split("\n"), expected.split("\n")))


def _same_line(printed: str, expected: str) -> bool:
    """Whether two lines are the same text, or the same numbers, without any tolerance."""
    printed, expected = printed.strip(), expected.strip()
    if printed == expected:
        return True
    try:
        return [Decimal(token) for token in printed.split()] == [Decimal(token) for token in expected.split()]
    except DecimalException:
        return False
