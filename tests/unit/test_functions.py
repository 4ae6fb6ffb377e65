import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
import pytest

from monkeys import verification
from monkeys.analysis.coverage import coverage
from monkeys.verification import Settings, Verdict
from monkeys.verification.verifiers.functions import Verifier

HALF = {
    "problem_id": "half",
    "reference": {
        "before": 'def half(x):\n    """Half of a number."""\n',
        "after": "def check(f):\n    assert f(4) == 2\n    assert abs(f(1) - 0.5) < 1e-9\ncheck(half)",
    },
}


@pytest.fixture(scope="module")
def judge():
    with Verifier(Settings(cpu_seconds=1, memory_mb=256)) as judge:
        yield judge


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("    return x / 2", "correct"),
        ("```python\ndef half(x):\n    return x / 2\n```", "correct"),
        ("```\n    return x / 2\n```", "correct"),
        ("    \ufeffreturn x / 2", "correct"),
        ("    return x // 2", "wrong"),
        ("    assert False", "wrong"),
        ("    return y", "runtime_error"),
        ("    return (", "syntax_error"),
        ("    exit(0)", "wrong"),  # a clean exit is not enough: the assertions must have run and passed
        ("    import os; os._exit(0)", "wrong"),
        ("    return x / 2\nimport sys\nsys.exit()", "wrong"),
        ("    return x\nimport sys\nprint(sys._getframe().f_code.co_consts)\nsys.exit()", "wrong"),
        ("    while True: pass", "timeout"),
        ("    return [x] * 10**9", "memory_limit"),
        ("    while True: print('x' * 10**6)", "output_limit"),
        ("    print('chatter', end='')\n    return x / 2", "correct"),
    ],
)
def test_a_sample_is_correct_if_all_assertions_pass(judge, text, outcome):
    (verdict,) = judge.verify(HALF, [judge.extract(text)])
    assert verdict == Verdict(outcome)


FORGERIES = {
    "an object that equals everything": """    return Anything()
class Anything(float):
    __eq__ = __lt__ = lambda *_: True
    __sub__ = __abs__ = lambda self, *_: self
""",
    "the end marker, read from a frame": """    return x
import sys
frame = sys._getframe()
while "end_marker" not in frame.f_locals:
    frame = frame.f_back
sys.__stdout__.buffer.write(frame.f_locals["end_marker"])
sys.exit()
""",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgeries_named_in_the_docs_still_fool_the_tests(judge, forgery):
    (verdict,) = judge.verify(HALF, [judge.extract(FORGERIES[forgery])])
    assert verdict == Verdict("correct")


def test_a_reference_may_have_no_code_before_the_sample(judge):
    problem = {"problem_id": "p", "reference": {"before": "", "after": "assert one() == 1\nassert one() < 2"}}
    (verdict,) = judge.verify(problem, ["def one():\n    return 1"])
    assert verdict == Verdict("correct")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("assert True", "must have {before, after}"),
        ({"before": ""}, "must have {before, after}"),
        ({"before": "", "after": " \n"}, "without assertions every sample would pass"),
        ({"before": "", "after": "assert ("}, "not a program"),
    ],
)
def test_an_unusable_reference_is_an_error(reference, message):
    with pytest.raises(ValueError, match=f"problem p cannot be verified by functions: .*{message}"):
        verification.check("functions", {"problem_id": "p", "reference": reference})


@pytest.mark.slow
def test_published_labels_of_humaneval_samples_are_reproduced(shared_data):
    """8,200 samples of 82 problems; the labels truncate a sample at its first top-level statement."""
    official = {
        row["task_id"]: row
        for row in pq.read_table(
            shared_data / "hub/openai_humaneval/openai_humaneval/test-00000-of-00001.parquet"
        ).to_pylist()
    }
    with gzip.open(shared_data / "programs/humaneval_codegen16b_first82_x100.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    end = re.compile("\nclass|\ndef|\n#|\nif|\nprint")

    def correct(row):
        task = official[row["task_id"]]
        after = f"{task['test']}\ncheck({task['entry_point']})"
        problem = {"problem_id": row["task_id"], "reference": {"before": task["prompt"], "after": after}}
        cut = [end.split(sample)[0] for sample in row["samples"]]
        distinct = list(dict.fromkeys(cut))
        verdicts = dict(zip(distinct, judge.verify(problem, distinct), strict=True))
        return [verdicts[sample].outcome == "correct" for sample in cut]

    with Verifier(Settings(cpu_seconds=1, threads=2)) as judge, ThreadPoolExecutor(2) as pool:
        found = list(pool.map(correct, rows))
    differing = [
        (row["task_id"], number)
        for row, ours in zip(rows, found, strict=True)
        for number, (label, mine) in enumerate(zip(row["passed"], ours, strict=True))
        if bool(label) != mine
    ]
    assert differing == []
    curve = coverage([100] * 82, [sum(mine) for mine in found], [1, 10, 100])
    assert curve == pytest.approx([3131 / 8200, 0.6972, 73 / 82], abs=5e-5)
