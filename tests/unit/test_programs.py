import pytest

from monkeys.demo.examples import demo_rows
from monkeys.verification import Verdict
from monkeys.verification.programs import Verifier, extract, same_output

TESTS = [{"input": "1 2\n", "output": "3\n"}, {"input": "5 5\n", "output": "10\n"}]
SUM = "print(sum(map(int, input().split())))"


@pytest.fixture(scope="module")
def judge():
    with Verifier({"cpu_seconds": 1, "memory_mb": 256, "allow_unsandboxed": False}) as judge:
        yield judge


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("print(1)", "print(1)"),
        ("Here:\n```python\nprint(1)\n```\nand ```x```", "\nprint(1)\n"),
        ("```\nprint(1)\n```", "\nprint(1)\n"),
        ("```python\nprint(1)", "\nprint(1)"),
    ],
)
def test_the_program_is_the_first_block_or_else_the_whole_text(text, program):
    assert extract(text) == program


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ("1 2\n3", "1 2 3\n", True),
        ("YES", "yes", True),
        ("0.333333", "0.3333331", True),
        ("0.3333", "0.3334", False),
        ("007", "7", True),
        ("100000000000000000001", "100000000000000000002", False),
        ("1", "1.000001", True),
        ("1 2", "1", False),
        ("", "", True),
        ("nan", "1", False),
        ("a", "b", False),
    ],
)
def test_outputs_are_compared_token_by_token(printed, expected, same):
    assert same_output(printed, expected) is same


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (SUM, "correct"),
        (f"```python\n{SUM}\n```", "correct"),
        (f"{SUM}\n1 / 0", "correct"),  # as in the paper, what is printed decides
        ("print(3)", "wrong"),
        ("", "no_answer"),
        ("the sum of both", "syntax_error"),
        ("1 / 0", "runtime_error"),
        ("while True: pass", "timeout"),
        ("x = [0] * 10**9", "memory_limit"),
        ("while True: print('x' * 10**6)", "output_limit"),
    ],
)
def test_a_sample_is_judged_by_what_its_program_prints(judge, text, outcome):
    assert judge.verify(TESTS, text) == Verdict(outcome)


def test_the_demos_reference_solutions_are_correct(judge):
    for row in demo_rows("programs", 0):
        assert judge.verify(row["tests"], row["solution"]) == Verdict("correct")
