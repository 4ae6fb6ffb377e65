"""Tests of EvalPlus (Liu et al. 2023), which compare floating-point numbers with numpy's function `allclose`."""

import re
from collections.abc import Iterable, Iterator

from monkeys.tasks import task
from monkeys.tasks.task import Row

NUMPY = "import numpy as np"

STAND_IN = """
class np:
    class ndarray: pass
    float32 = float64 = None
    @staticmethod
    def allclose(out, exp, rtol=1e-07, atol=0):
        if isinstance(out, (list, tuple)) or isinstance(exp, (list, tuple)):
            out, exp = (list(x) if isinstance(x, (list, tuple)) else [x] for x in (out, exp))
            longest = max(len(out), len(exp))
            out, exp = (x * longest if len(x) == 1 else x for x in (out, exp))
            return len(out) == len(exp) and all(np.allclose(a, b, rtol, atol) for a, b in zip(out, exp))
        return out == exp or abs(out - exp) <= atol + rtol * abs(exp) < float("inf")
    class testing:
        @staticmethod
        def assert_allclose(out, exp, rtol=1e-07, atol=0):
            assert np.allclose(out, exp, rtol, atol)
"""
"""What the tests use of numpy, for a sandbox that has the standard library alone."""


OTHER_USE = re.compile(r"\bnumpy\b|\bnp\.(?!(?:ndarray|float32|float64|allclose|testing\.assert_allclose)\b)\w+")


class EvalPlus(task.Task):
    """A task whose tests use nothing else of numpy."""

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """All problems, with tests that need no numpy.

        Raises:
            ValueError: tests use something of numpy that has no stand-in.
        """
        for index, row in enumerate(rows):
            helpers, start, data = row["test"].partition("inputs = ")
            if unknown := OTHER_USE.search(helpers.replace(NUMPY, "", 1)):
                raise ValueError(f"problem {row['task_id']}: its test uses {unknown[0]}, which has no stand-in")
            yield index, row | {"test": helpers.replace(NUMPY, STAND_IN, 1) + start + data}
