"""Comparison of answers: exact, by computer algebra in worker processes, and by Math-Verify."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.tasks.minerva_math import utils as harness

from monkeys.verification import Settings, Verdict
from monkeys.verification.answers import equivalence, rationals, structure
from monkeys.verification.answers.equivalence import Equivalence
from monkeys.verification.answers.minerva import normalised


@pytest.fixture(scope="module")
def outcome():
    """The outcome of a comparison, with real workers."""
    judge = Equivalence(Settings(cpu_seconds=2))
    yield lambda answer, gold: judge.verdict(answer, gold).outcome
    judge.close()


@pytest.fixture
def judge():
    """Factory of judges that closes them after the test."""
    judges = []

    def make(**settings):
        judges.append(Equivalence(Settings(**settings)))
        return judges[-1]

    yield make
    for each in judges:
        each.close()


@pytest.fixture
def workers(monkeypatch):
    """List of the workers started."""
    started = []

    class Recorded(equivalence.Worker):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.pid = self._process.pid
            started.append(self)

    monkeypatch.setattr(equivalence, "Worker", Recorded)
    return started


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        ("18", "18.0", True),
        ("018", "18", True),
        (".5", r"\frac{1}{2}", True),
        ("-1/2", r"-\dfrac{2}{4}", True),
        (r"\frac{-1}{2}", "-0.5", True),
        ("+7", "7", True),
        ("-0", "0", True),
        ("0.33", r"\frac{1}{3}", False),
        ("7", "-7", False),
        ("9" * 5000, "0" + "9" * 5000, True),
        ("9" * 5000, "9" * 4999 + "8", False),
        ("9" * 5000, r"\frac{1}{2}", False),
        ("0" * 5000 + "1", r"\frac{2}{2}", None),
        (r"\frac{1}{0}", "1", None),
        ("0.3333333333333333", r"\frac{1}{3}", None),
        ("1.2.3", "1", None),
        ("5.", "5", None),
        ("x", "5", None),
    ],
)
def test_plain_numbers_are_compared_exactly(answer, gold, same):
    assert rationals.equal(answer, gold) is same


@given(st.fractions(), st.fractions())
def test_fractions_are_equal_if_and_only_if_their_values_are(x, y):
    def written(value: Fraction) -> str:
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"

    assert rationals.equal(written(x), written(y)) is (x == y)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}", "correct"),
        (r"\tfrac{8\pi}5", r"1.6\pi", "correct"),
        ("(x+1)^2", "x^2+2x+1", "correct"),
        ("3-2i", "-2i+3", "correct"),
        (
            r"\frac{\sqrt{\sqrt{11}+\sqrt{194}}}{2\sqrt{33}+15}",
            r"\frac{\sqrt{\sqrt{11}+\sqrt{194}}}{15+2\sqrt{33}}",
            "correct",
        ),
        (r"\frac{10\sqrt{10.5}}{27}", r"\frac{5\sqrt{42}}{27}", "correct"),
        (r"\sqrt{2}", "1.414", "wrong"),
        ("x^2", "y^2", "wrong"),
        (r"\sqrt{x^2}", "x", "wrong"),
        ("Tuesday", "443_5", "wrong"),
        ("thereisnone", "5", "wrong"),
        ("5~", "5", "correct"),
        (r"\text{A}\,;B", r"\text{A};B", "correct"),
        ("%", r"\%", "wrong"),
        (r"10\%", "10", "correct"),
        (r"\(9\)", "9", "correct"),
        (r"\[9\].", r"\frac{18}{2}", "correct"),
        (r"\(9\)", "8", "wrong"),
        (r"x\in[-2,7]", "[-2,7]", "correct"),
        (r"x\in[-2,7]", "(-2,7]", "wrong"),
        ("", "5", "wrong"),
        ("", "", "wrong"),
    ],
)
def test_formulas_are_equal_if_their_difference_simplifies_to_zero(outcome, answer, gold, expected):
    assert outcome(answer, gold) == expected


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("(1,4.5)", r"\left(1,\frac{9}{2}\right)", "correct"),
        ("(1,2)", "(2,1)", "wrong"),
        ("(1,2)", "[1,2]", "wrong"),
        ("(1,2,3)", "(1,2)", "wrong"),
        (r"[0,\frac{\pi}{2})", r"[0,\pi/2)", "correct"),
        ("1,2", "1,3", "wrong"),
        ("1,2", "1", "wrong"),
        ("1,2.0", "1,2", "correct"),
        ("10,4,-2", "4,10,-2", "wrong"),
        (r"\{2,1\}", r"\{1,2\}", "correct"),
        (r"\{2,1,1\}", r"\{1,2,2\}", "wrong"),
        (r"(3,4]\cup(1,2.0)", r"(1,2)\cup(3,4]", "correct"),
        (r"5\geqx", r"x\leq5", "correct"),
        (r"1\lex<2.0", r"1\leqx<2", "correct"),
        ("x<5", "x>5", "wrong"),
        (r"\begin{pmatrix}1\\0.5\end{pmatrix}", r"\begin{pmatrix}1\\\frac{1}{2}\end{pmatrix}", "correct"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}", "wrong"),
        ("15,600+0", "15600", "correct"),
        ("(100,200)", "(100,200.0)", "correct"),
    ],
)
def test_tuples_intervals_sets_and_matrices_are_compared_element_by_element(outcome, answer, gold, expected):
    assert outcome(answer, gold) == expected


def test_rows_of_a_matrix_are_found_although_normalisation_removes_backslashes(outcome):
    written = r"\begin{pmatrix} 1 & 0.5 \\ \frac12 & -3 \end{pmatrix}"
    assert outcome(normalised(written), normalised(written.replace("0.5", r"\frac{1}{2}"))) == "correct"


@given(st.text(r"({[,]})\<>cup1x&", max_size=30))
def test_any_text_can_be_parsed(text):
    compound = structure.parse(structure.canonical_spelling(text))
    assert compound is None or len(compound.elements) >= 1


HOSTILE = {
    "power tower": "9^{9^{9^{9}}}",
    "factorials": "10!!!!",
    "large power": "99999999999999^{99999999999}",
    "large integer": "5" * 5000 + "x",
    "zeros": "0" * 1_000_000 + "x",
    "thousands": "1" + ",000" * 250_000 + ",",
    "deep fractions": r"\frac{" * 1000 + "1" + "}{2}" * 1000,
    "open brackets": "(" * 100_000,
    "open braces": "{" * 100_000,
    "a long sum": "1+" * 100_000 + "1",
    "a megabyte": "x" * 1_000_000,
    "null byte": "5\0",
    "lone surrogate": "\ud800",
    "nested lists": "[(1,2)," * 100_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("gold", [r"\frac{1}{2}", r"\sqrt{2}", "(1,2)"])
def test_hostile_answers_stay_within_their_limits_and_the_next_answer_is_judged(judge, gold):
    judge = judge(cpu_seconds=0.3, memory_mb=256)
    for name, answer in HOSTILE.items():
        start = time.monotonic()
        verdict = judge.verdict(answer, gold)
        assert verdict.outcome in ("wrong", "timeout", "memory_limit", "runtime_error"), name
        assert verdict.certain or verdict.outcome != "wrong"
        assert time.monotonic() - start < 20, name
        assert judge.verdict("2x", "x+x").outcome == "correct"


def test_a_comparison_that_takes_too_long_is_a_timeout(judge, workers):
    judge = judge(cpu_seconds=0.3)
    assert judge.verdict("9^{9^{9^{9}}}", r"\sqrt{2}") == Verdict("timeout", "9^{9^{9^{9}}}")
    assert judge.verdict(r"2\sqrt{2}", r"\sqrt{8}").outcome == "correct"
    assert len(workers) == 1


@pytest.fixture
def stand_in(monkeypatch):
    """Workers that grade by other rules, to provoke events that are rare in real comparisons."""
    monkeypatch.setattr(equivalence, "_COMMAND", [sys.executable, "-P", "-c", STAND_IN])


def test_a_timeout_is_certain_only_beyond_twice_the_limit(judge, stand_in, workers):
    """Otherwise thousands of endless comparisons would be repeated, one at a time."""
    judge = judge(cpu_seconds=0.5)
    assert judge.verdict("0.75 seconds", "x") == Verdict("timeout", "0.75 seconds", certain=False)
    assert judge.verdict("9999 seconds", "x") == Verdict("timeout", "9999 seconds")
    assert judge.verdict("0.01 seconds", "x") == Verdict("wrong", "0.01 seconds")
    assert len(workers) == 1


def test_running_out_of_memory_and_crashing_are_not_wrong_answers(judge, stand_in):
    judge = judge(cpu_seconds=20, memory_mb=64)
    assert judge.verdict("eat", "x") == Verdict("memory_limit", "eat", certain=False)
    assert judge.verdict("crash", "x") == Verdict("runtime_error", "crash", certain=False)
    assert judge.verdict("killed", "x") == Verdict(
        "verifier_error", "killed", certain=False, repeat_outcome="runtime_error"
    )
    assert judge.verdict("y", "x") == Verdict("wrong", "y")


STAND_IN = """
import os, signal, time
from monkeys.verification.answers import algebra, worker
def grade(answer, gold):
    if answer == "eat":
        bytearray(1 << 30)
    if answer == "sleep":
        time.sleep(1000)
    if answer.endswith(" seconds"):
        end = time.process_time() + float(answer.partition(" ")[0])
        while time.process_time() < end:
            pass
    elif answer != "y":
        os.kill(os.getpid(), {"crash": signal.SIGSEGV, "killed": signal.SIGKILL}[answer])
algebra.equivalent = grade
algebra.self_test = lambda second_opinion: None
worker.main()
"""


def test_a_stuck_worker_is_a_verifier_error(judge, stand_in, workers, monkeypatch):
    monkeypatch.setattr(equivalence, "_GRACE_SECONDS", 0.1)
    judge = judge(cpu_seconds=0.1)
    assert judge.verdict("sleep", "x") == Verdict(
        "verifier_error", "sleep", certain=False, repeat_outcome="runtime_error"
    )
    assert judge.verdict("y", "x") == Verdict("wrong", "y")
    assert len(workers) == 2


def test_workers_end_with_their_job_even_if_it_is_killed(root):
    code = (
        "from monkeys.verification import Settings; from monkeys.verification.answers.equivalence import Equivalence\n"
        "judge = Equivalence(Settings()); judge.verdict('2x', '3x'); print('ready', flush=True); input()"
    )
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow" / "scripts")}
    job = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert job.stdout.readline() == "ready\n"
    (worker,) = children(job.pid)
    (child,) = children(worker)
    job.kill()
    job.communicate()
    wait_until_ended(worker, child)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until_ended(*processes):
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_dead_worker_is_a_verifier_error_and_is_replaced(judge, workers):
    judge = judge()
    assert judge.verdict("2x", "x+x").outcome == "correct"
    (child,) = children(workers[0].pid)
    os.kill(workers[0].pid, signal.SIGKILL)
    wait_until_ended(child)
    assert judge.verdict("3x", "x+x") == Verdict("verifier_error", "3x", certain=False, repeat_outcome="runtime_error")
    assert judge.verdict("3x", "x+x") == Verdict("wrong", "3x")
    assert len(workers) == 2


@pytest.mark.slow
def test_workers_start_on_demand_one_per_thread(judge, workers):
    judge = judge()
    assert judge.verdict("18", "18.0").outcome == "correct"
    assert not workers
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda n: judge.verdict(f"{n}x", "x+x").outcome, range(20)))
    assert outcomes == ["wrong", "wrong", "correct", *["wrong"] * 17]
    assert 1 <= len(workers) <= 2


def test_closing_ends_all_processes(judge, workers):
    judge = judge()
    judge.verdict("2x", "x+x")
    (child,) = children(workers[0].pid)
    judge.close()
    wait_until_ended(workers[0].pid, child)


def test_a_broken_parser_is_an_error_and_never_a_wrong_answer(judge, monkeypatch, tmp_path):
    """With another version of antlr4-python3-runtime, sympy raises ImportError for every formula."""
    metadata = tmp_path / "antlr4"
    metadata.mkdir()
    (metadata / "__init__.py").write_text("raise ImportError('antlr of another version')")
    run = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from monkeys.verification.answers import worker
worker.main()
"""
    monkeypatch.setattr(equivalence, "_COMMAND", [sys.executable, "-P", "-c", run])
    with pytest.raises(RuntimeError, match=r"antlr4-python3-runtime==4\.11"):
        judge().verdict("2x", "x+x")


def test_a_worker_that_cannot_start_is_an_error_and_never_a_wrong_answer(judge, monkeypatch):
    monkeypatch.setattr(equivalence, "_COMMAND", [sys.executable, "-c", ""])
    with pytest.raises(RuntimeError, match="formulas cannot be compared"):
        judge().verdict("2x", "x+x")


@pytest.mark.slow
def test_math_verify_judges_the_answers_as_written(judge):
    judge = judge(second_opinion=True, cpu_seconds=2)
    assert judge.verdict("x", "x").second_opinion == "correct"
    assert judge.verdict("1,2", "2,1", ("$1,2$", "$2,1$")) == Verdict("wrong", "1,2", "correct")
    assert judge.verdict("0.5", "1", (r"\frac{1}{2}", "1")) == Verdict("wrong", "0.5", "wrong")


@pytest.mark.slow
def test_hostile_answers_do_not_stop_math_verify(judge):
    judge = judge(second_opinion=True, cpu_seconds=0.3)
    for name, answer in HOSTILE.items():
        opinion = judge.verdict(answer, "(1,2)").second_opinion
        assert opinion in ("wrong", "timeout", "memory_limit", "runtime_error"), name


@pytest.mark.slow
def test_labelled_pairs_are_judged_no_worse_than_by_the_harness(outcome, shared_data):
    """Pairs from the tests of other graders: we find more equal pairs, and no new false positives."""
    with open(shared_data / "graders" / "math_equivalence_pairs.jsonl") as file:
        rows = [json.loads(line) for line in file]
    found = 0
    for row in rows:
        answer, gold = normalised(row["pred"]), normalised(row["gold"])
        ours = outcome(answer, gold) == "correct"
        if ours and not row["expected"]:
            assert harness.is_equiv(answer, gold)
        found += ours and row["expected"]
    assert found >= 165
