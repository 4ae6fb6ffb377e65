import gzip
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from monkeys import verification
from monkeys.demo.examples import demo_rows
from monkeys.verification import Settings, Verdict
from monkeys.verification.code import FENCE, extract
from monkeys.verification.outputs import same_output
from monkeys.verification.sandbox import Sandbox
from monkeys.verification.verifiers.programs import Verifier

SUM = "print(sum(map(int, input().split())))"
PROBLEM = {
    "problem_id": "sum",
    "reference": [{"input": "1 2\n", "output": "3\n"}, {"input": "5 5\n", "output": "10\n"}],
}


@pytest.fixture(scope="module")
def judge():
    with Verifier(Settings(cpu_seconds=1, memory_mb=256)) as judge:
        yield judge


def verdict(judge, problem, text):
    """Verdict on one sample, as in a shard."""
    answer = judge.extract(text)
    return Verdict("no_answer") if answer is None else next(iter(judge.verify(problem, [answer])))


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("print(1)", "print(1)"),
        ("Here:\n```python\nprint(1)\n```\nand ```x```", FENCE + "\nprint(1)\n"),
        ("```\nprint(1)\n```", FENCE + "\nprint(1)\n"),
        ("```python\nprint(1)", FENCE + "\nprint(1)"),
        ("```Python3\nprint(1)\n```", FENCE + "\nprint(1)\n"),
        ("```py\nprint(1)\n```", FENCE + "\nprint(1)\n"),
        ("```python print(1)```", FENCE + "print(1)"),
        ("```print(1)```", FENCE + "print(1)"),
        ("``` \nx=1\n```", FENCE + "\nx=1\n"),
        ("```python\n\ufeffprint(1)\n```", FENCE + "\nprint(1)\n"),
        ("```\ufeffpython\nprint(1)\n```", FENCE + "\nprint(1)\n"),
        (" \ufeffprint(1)", " print(1)"),
        ("\ufeff", None),
        ("```\n```\n```\nprint(1)\n```", None),
        (" \n", None),
        ("", None),
    ],
)
def test_the_program_is_the_first_code_block_or_the_whole_text(text, program):
    assert extract(text) == program


@pytest.mark.parametrize(
    "text", [f" {SUM}", f"\n\t{SUM}\n", f"``` {SUM}```", f"```\n {SUM}\n```", f" ```python {SUM} ```"]
)
def test_leading_whitespace_of_a_program_is_ignored(judge, text):
    assert verdict(judge, PROBLEM, text) == Verdict("correct")


@pytest.mark.parametrize("blanks", [" " * 10**6, " \t" * 10**6, "\t\r" * 10**6])
def test_a_program_is_found_after_a_million_blanks(blanks):
    assert extract(f"```{blanks}x") == f"```{blanks}x"


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ("1 2\n3", "1 2 3\n", True),
        ("1\v2\r\n3", "1 2 3", True),
        ("YES", "yes", True),
        ("0.333333", "0.3333331", True),
        ("0.3333", "0.3334", False),
        ("1e-3", "0.001", True),
        (".5", "0.50", True),
        ("007", "7", True),
        ("-0", "+0", True),
        ("-7", "7", False),
        ("100000000000000000001", "100000000000000000002", False),
        ("9" * 5000, "9" * 5000, True),
        ("0" + "9" * 5000, "9" * 5000, True),
        ("9" * 400, "1.5", False),
        ("9" * 400, "9" * 399 + "8", False),
        ("1", "1.000001", True),
        ("1_000", "1000", False),
        ("１", "1", False),  # a full-width digit
        ("inf", "inf", True),
        ("nan", "NaN", True),
        ("inf", "1e999", False),
        ("nan", "1", False),
        ("1 2", "1", False),
        ("", "", True),
        ("a", "b", False),
        ("1\u00a02", "1 2", False),
    ],
)
def test_outputs_are_compared_token_by_token(printed, expected, same):
    assert same_output(printed.encode(), expected.encode()) is same


@pytest.mark.parametrize("token", ["0" * 10**6 + "x", "1" * 10**6 + ".", "1" * 10**6 + "." + "1" * 10**6 + "x"])
def test_megabytes_are_compared_quickly(token):
    assert not same_output(token.encode(), b"1.5")


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (SUM, "correct"),
        (f"```python\n{SUM}\n```", "correct"),
        (f"{SUM}\n1 / 0", "runtime_error"),  # the right output alone is not enough
        (f"{SUM}\nexit(1)", "runtime_error"),
        (f"{SUM}\nexit(0)", "correct"),
        (f"assert False\n{SUM}", "runtime_error"),
        ("print(3)", "wrong"),
        ("", "no_answer"),
        ("the sum of both", "no_answer"),
        ("```\nthe sum of both\n```", "syntax_error"),
        ("1 / 0", "runtime_error"),
        ("while True: pass", "timeout"),
        ("x = [0] * 10**9", "memory_limit"),
        ("while True: print('x' * 10**6)", "output_limit"),
        ("print('\ud800')", "wrong"),
        ("\0", "no_answer"),
    ],
)
def test_a_sample_is_judged_by_its_programs_exit_and_output(judge, text, outcome):
    assert verdict(judge, PROBLEM, text) == Verdict(outcome)


@pytest.mark.slow
def test_a_problems_own_limits_override_the_tasks(judge):
    slow = "import time\nwhile time.process_time() < 2.5: pass\n" + SUM
    large = "x = [0] * 10**7\n" + SUM
    assert [verdict(judge, PROBLEM, text).outcome for text in (slow, large)] == ["timeout", "correct"]
    own = {**PROBLEM, "cpu_seconds": 9.5, "memory_mb": 64}
    assert [verdict(judge, own, text).outcome for text in (slow, large)] == ["correct", "memory_limit"]
    none = {**PROBLEM, "cpu_seconds": None}
    assert verdict(judge, none, slow).outcome == "timeout"


def test_the_most_failed_test_case_runs_first_and_one_failure_is_enough(judge, monkeypatch):
    cases = [{"input": f"{number}\n", "output": f"{number}\n"} for number in range(4)]
    ran = []
    original = Sandbox.run
    monkeypatch.setattr(Sandbox, "run", lambda self, program, case: ran.append(case) or original(self, program, case))
    wrong_on_2 = "n = int(input()); print(0 if n == 2 else n)"
    answers = [wrong_on_2, wrong_on_2 + " ", "print(input())"]
    verdicts = list(judge.verify({"problem_id": "echo", "reference": cases}, answers))
    assert [verdict.outcome for verdict in verdicts] == ["wrong", "wrong", "correct"]
    assert ran == [0, 1, 2, *[2], *[2, 0, 1, 3]]


def test_a_timeout_that_system_load_may_have_caused_is_not_certain(judge):
    slow = "import time\nwhile time.process_time() < 1.3: pass\n" + SUM
    assert verdict(judge, PROBLEM, slow) == Verdict("timeout", certain=False)


@pytest.mark.slow
def test_verdicts_are_the_same_on_a_busy_machine(judge):
    """Eight busy loops compete with four programs that run concurrently in the sandbox."""
    answers = [
        SUM,
        "import time\nwhile time.process_time() < 0.4: pass\n" + SUM,
        "while True: pass",
        "import time\ntime.sleep(0.5)\n" + SUM,
        "print(3)",
        "x = [0] * 10**9",
        "1 / 0",
        "[i * i for i in range(10**6)]\n" + SUM,
    ]

    def outcomes():
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda answer: verdict(judge, PROBLEM, answer), answers))

    idle = outcomes()
    assert [each.outcome for each in idle] == [
        *("correct", "correct", "timeout", "correct"),
        *("wrong", "memory_limit", "runtime_error", "correct"),
    ]
    busy_loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
    try:
        assert outcomes() == idle
    finally:
        for loop in busy_loops:
            loop.kill()
            loop.wait()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ([], "at least one test case"),
        (None, "at least one test case"),
        ("1 2", "at least one test case"),
        ([{"input": ""}], "at least one test case"),
        ([{"input": "", "output": "x" * (16 << 20)}], "16,777,216 bytes; a run may print"),
    ],
)
def test_unusable_test_cases_are_an_error(reference, message):
    with pytest.raises(ValueError, match=f"problem p cannot be verified by programs: .*{message}"):
        verification.check("programs", {"problem_id": "p", "reference": reference})


@pytest.mark.slow
def test_the_demo_reference_solutions_are_correct(judge):
    for row in demo_rows("programs", 0):
        problem = {"problem_id": row["id"], "reference": row["tests"]}
        assert verdict(judge, problem, row["solution"]) == Verdict("correct")


@pytest.mark.slow
def test_published_solutions_pass_or_fail_as_labelled(shared_data):
    """300 programs for CodeContests' problems: 228 pass their tests, the others are labelled with how they fail."""
    with gzip.open(shared_data / "programs/code_contests_correct_300.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]

    def outcome(row):
        problem = {"problem_id": str(row["hf_train_idx"]), "reference": row["tests"]}
        (found,) = judge.verify(problem, [row["solution"]])
        if not found.certain:
            (found,) = judge.verify(problem, [row["solution"]])
        return found.outcome

    with Verifier(Settings(threads=2)) as judge, ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(outcome, rows))
    for row, outcome in zip(rows, outcomes, strict=True):
        if row["all_tests_pass"]:
            assert outcome == "correct", row["name"]
    # The labels compare tokens as text, and their programs read from a pipe. We also accept numbers within a tolerance,
    # `yes` for `YES`, and programs that query the size of their input; one program needs about 5 s.
    accepted = {
        reason: {
            row["name"].split(".")[0]
            for row, outcome in zip(rows, outcomes, strict=True)
            if outcome == "correct" and row["verdicts"][-1] == reason
        }
        for reason in "WRT"
    }
    assert accepted["R"] == {"1129_C", "1286_B", "1342_E", "1486_E", "61_E"}
    assert accepted["T"] <= {"1278_F"}
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome == "correct" and row["verdicts"][-1] == "W":
            assert re.search("[.A-Za-z]", "".join(case["output"] for case in row["tests"])), row["name"]
