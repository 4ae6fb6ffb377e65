"""LiveCodeBench, on small data in the layout of its files."""

import base64
import datetime
import json
import os
import pickle
import zlib

import pytest

from monkeys import verification
from monkeys.study import ConfigError, Study
from monkeys.tasks.problems import build_problems, build_prompts, naming_task
from monkeys.tasks.rows import TaskData
from monkeys.verification import Settings, Verdict
from monkeys.verification.verifiers.livecodebench import Verifier


def packed(value):
    """Private tests as the files have them where they are long."""
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


def contest(name, day, kind="stdin", **changes):
    """A row of the dataset."""
    stdin = [{"input": "1 2", "output": "3", "testtype": "stdin"}, {"input": "5 5\n", "output": "10\n"}]
    functional = [
        {"input": "[1, 2]\n1", "output": "[2, 3]", "testtype": "functional"},
        {"input": "[]\n5", "output": "[]"},
    ]
    public, private = functional if kind == "functional" else stdin
    starter = "class Solution:\n    def addToAll(self, numbers: List[int], k: int) -> List[int]:\n        "
    return {
        "question_title": name,
        "question_content": f"Add numbers ({name}).",
        "platform": "leetcode" if kind == "functional" else "atcoder",
        "question_id": name,
        "contest_id": "abc387",
        "contest_date": f"{day}T00:00:00",
        "starter_code": starter if kind == "functional" else "",
        "difficulty": "easy",
        "public_test_cases": json.dumps([public]),
        "private_test_cases": packed(json.dumps([private])),
        "metadata": json.dumps({"func_name": "addToAll"} if kind == "functional" else {}),
        **changes,
    }


FILES = {
    "test.jsonl": [contest("1", "2023-05-07", private_test_cases='[{"input": "2 2", "output": "4"}]')],
    "test2.jsonl": [contest("2", "2023-09-01")],
    "test6.jsonl": [
        contest("abc387_a", "2025-01-04"),
        contest("3708", "2025-02-01", "functional"),
        contest("abc400_b", "2025-04-05"),
    ],
}


@pytest.fixture
def folder(tmp_path):
    for file, rows in FILES.items():
        (tmp_path / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def study(task):
    model = {"endpoint": {"base_url": "http://localhost", "model": "m"}, "tasks": ["livecodebench"]}
    task = {"samples": 1, "shard_size": 1, **task}
    return Study.load({"study": "s", "tasks": {"livecodebench": task}, "models": {"m": model}})


def build(folder, **changes):
    """Prompts and problems of the task from files."""
    task = study({"dataset": str(folder), **changes}).tasks["livecodebench"]
    data = TaskData(task, "")
    with naming_task("livecodebench"):
        prompts = build_prompts(task, data)
        return prompts, build_problems(prompts, task, data)


def ids(built):
    return [problem["problem_id"] for problem in built[1]]


# From files to problems


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ("v6", ["abc387_a", "3708", "abc400_b"]),
        ("release_v2", ["1", "2"]),
        ("v2", ["2"]),
        (["v6", "v1", "release_v1"], ["abc387_a", "3708", "abc400_b", "1"]),
    ],
)
def test_a_release_has_the_problems_of_all_files_up_to_it(folder, subset, expected):
    assert ids(build(folder, subset=subset)) == expected


def test_only_the_files_of_the_release_are_downloaded(folder, monkeypatch):
    requests = []
    monkeypatch.setattr("monkeys.hub.fetch", lambda *which, **patterns: requests.append((which, patterns)) or folder)
    task = study({"subset": "release_v2"}).tasks["livecodebench"]
    assert len(build_prompts(task, TaskData(task, ""))) == 2
    commit = "0fe84c3912ea0c4d4a78037083943e8f0c4dd505"
    which = ("dataset", "livecodebench/code_generation_lite", commit)
    assert requests == [(which, {"allow_patterns": ["test.jsonl", "test2.jsonl"]})]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start_date": "2025-02-01"}, ["3708", "abc400_b"]),
        ({"end_date": "2025-02-01"}, ["abc387_a", "3708"]),
        ({"start_date": datetime.date(2025, 2, 1), "end_date": datetime.date(2025, 3, 31)}, ["3708"]),  # as YAML has it
    ],
)
def test_dates_choose_contests_both_days_included(folder, options, expected):
    built = build(folder, options=options)
    assert ids(built) == expected
    assert built[0][-1]["source_index"] == ["abc387_a", "3708", "abc400_b"].index(expected[-1])


def test_prompts_depend_on_options_but_those_of_tasks_without_stay_as_they_were():
    assert study({"options": {"end_date": "2025-02-01"}}).tasks["livecodebench"].prompt_settings()["options"] == {
        "end_date": "2025-02-01"
    }
    plain = study({}).tasks["livecodebench"]
    assert "options" not in plain.prompt_settings() | plain.problem_settings()


def test_the_prompt_shows_the_code_to_complete_or_asks_for_a_program(folder):
    (program, function, _), problems = build(folder)
    assert program["prompt"].startswith("Add numbers (abc387_a).\n\n")
    assert "standard input" in program["prompt"] and "standard input" not in function["prompt"]
    assert "```python\nclass Solution:\n    def addToAll(self" in function["prompt"]
    assert problems[1]["question"] == "Add numbers (3708)."


def test_the_reference_has_public_and_private_tests(folder):
    _, problems = build(folder, subset=["v1", "v6"])
    plain, packed_, functional, _ = (problem["reference"] for problem in problems)
    assert plain == {
        "function": None,
        "cases": [{"input": "1 2", "output": "3"}, {"input": "2 2", "output": "4"}],
    }
    assert packed_["cases"][1] == {"input": "5 5\n", "output": "10\n"}
    assert functional["function"] == "addToAll"
    assert functional["cases"][1] == {"input": "[]\n5", "output": "[]"}


class Hostile:
    """Runs a command where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch hostile",)


@pytest.mark.parametrize(
    ("private", "message"),
    [
        (packed(Hostile()), r"they refer to posix\.system"),
        (packed([1]), "must be str"),
        (packed("not JSON"), "Expecting value"),
        (packed('[{"input": "1"}]'), "KeyError"),
        ("not base64", "Incorrect padding|Invalid base64"),
        (base64.b64encode(b"not compressed").decode(), "incorrect header check"),
    ],
)
def test_private_tests_that_are_not_packed_text_are_an_error(folder, private, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    row = contest("x", "2025-01-04", private_test_cases=private)
    (folder / "test6.jsonl").write_text(json.dumps(row))
    with pytest.raises(ValueError, match=rf"problem x: its tests cannot be read: .*{message}"):
        build(folder)
    assert not (tmp_path / "hostile").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subset": "release_v9"}, r"tasks\.livecodebench\.subset: release_v9 is not a release: release_v6 has all"),
        ({"subset": "v5"}, r"file test5\.jsonl: there is no such file"),
        (
            {"options": {"start_date": "2025-05-01"}},
            r"tasks\.livecodebench\.options: no contest is within these dates; those there are from 2025-01-04 to "
            "2025-04-05",
        ),
    ],
)
def test_a_release_or_dates_without_problems_are_an_error(folder, changes, message):
    with pytest.raises(ValueError, match=message):
        build(folder, **changes)


@pytest.mark.parametrize(
    ("line", "message"), [("{", "line 2: Expecting property"), ("{}", "line 2: no column question_id")]
)
def test_a_file_that_is_not_the_datasets_is_an_error(folder, line, message):
    (folder / "test6.jsonl").write_text(f"{json.dumps(FILES['test6.jsonl'][0])}\n{line}\n")
    with pytest.raises(ValueError, match=rf"file test6\.jsonl, {message}"):
        build(folder)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            {"options": {"start_date": "2025-02-30"}},
            "options.start_date: '2025-02-30' is not a date such as 2025-01-31",
        ),
        ({"options": {"end_date": "20250201"}}, "options.end_date: '20250201' is not a date"),
        ({"options": {"end_date": 2025}}, "options.end_date: input should be a valid string, and is 2025"),
        ({"options": {"from": "2025-02-01"}}, "options: unknown key 'from'; allowed: end_date, start_date"),
        (
            {"options": {"start_date": "2025-02-01", "end_date": "2025-01-01"}},
            "options.start_date: 2025-02-01 is after end_date, 2025-01-01",
        ),
        ({"base": "gsm8k", "options": {"end_date": "2025-02-01"}}, "options: the task gsm8k has no options"),
    ],
)
def test_mistakes_in_options_name_the_key(task, message):
    with pytest.raises(ConfigError) as error:
        study(task).check()
    assert f"tasks.livecodebench.{message}" in str(error.value)


# The verifier

SUM = {
    "problem_id": "sum",
    "reference": {"function": None, "cases": [{"input": "1 2\n", "output": "3\n"}, {"input": "5 5", "output": "10"}]},
}
ADD = {
    "problem_id": "add",
    "reference": {
        "function": "add",
        "cases": [{"input": "[1, 2]\n1", "output": "[2, 3]"}, {"input": "[0]\n0.5", "output": "[0.5]"}],
    },
}


@pytest.fixture(scope="module")
def judge():
    with Verifier(Settings(cpu_seconds=1, memory_mb=256)) as judge:
        yield judge


def verdict(judge, problem, code):
    answer = judge.extract(f"```python\n{code}\n```")
    assert answer is not None
    return next(iter(judge.verify(problem, [answer])))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("First:\n```\nx\n```\nBetter:\n```python\ny = 1\n```\nDone.", "y = 1\n"),
        ("<think>\n```python\nx\n```\n</think>\n```python\ny\n```", "y\n"),
        ("<think>\n```python\nx\n```", None),
        ("Let me think.\n```python\nx\n```\n</think>\nIt is x.", None),
        ("```python\nx\n```\nNow:\n```python\nfor i in", "for i in"),  # cut off
        ("  ```py\n  x\n  ```", "  x\n"),
        ("Use `print` and ```inline``` code.", None),
        ("print(1)", None),
        ("```python\n\n```", None),
        ("", None),
    ],
)
def test_the_program_is_the_last_block_after_the_thinking(judge, text, code):
    assert judge.extract(text) == (code and f"```{code}")


def test_blocks_are_found_quickly(judge):
    assert judge.extract("```\nx" + " " * 10**6 + "\n" * 10**6 + "`" * 10**6) is not None


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("print(sum(map(int, input().split())))", "correct"),
        ("def main():\n    print(sum(map(int, input().split())))\nif __name__ == '__main__':\n    main()", "correct"),
        ("print(reduce(add, map(int, stdin.read().split())))", "correct"),  # names that the benchmark imports
        ("print(float(sum(map(int, input().split()))), '\\n')", "correct"),
        ("print(sum(map(int, input().split())) + 1e-9)", "wrong"),
        ("print('', sum(map(int, input().split())), sep='\\n\\n')", "correct"),
        ("print(sum(map(int, input().split())))\nprint(0)", "wrong"),
        ("print(3)", "wrong"),
        ("print('three')", "wrong"),
        ("print('sNaN')", "wrong"),
        ("print(input(", "syntax_error"),
        ("1 / 0", "runtime_error"),
        ("while True: pass", "timeout"),
        ("x = [0] * 10**9", "memory_limit"),
        ("while True: print('x' * 10**6)", "output_limit"),
    ],
)
def test_programs_are_judged_by_what_they_print(judge, code, outcome):
    assert verdict(judge, SUM, code) == Verdict(outcome)


METHOD = "class Solution:\n    def add(self, numbers: List[int], k: int) -> List[int]:\n        {}"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (METHOD.format("return [number + k for number in numbers]"), "correct"),
        ("def add(numbers, k):\n    return [number + k for number in numbers]", "correct"),
        (METHOD.format("return tuple(number + k for number in numbers)"), "correct"),
        (METHOD.format("print('debugging', numbers)\n        return [number + k for number in numbers]"), "correct"),
        (
            METHOD.format("return [number + k for number in numbers]") + "\nif __name__ == '__main__':\n    1 / 0",
            "correct",
        ),
        (METHOD.format("return [float(number) + k for number in numbers]"), "correct"),
        (METHOD.format("return [number + k + 1e-9 for number in numbers]"), "wrong"),
        (METHOD.format("return numbers"), "wrong"),
        (METHOD.format("return str([number + k for number in numbers])"), "wrong"),
        (METHOD.format("return None"), "wrong"),
        (METHOD.format("return [float('nan')]"), "wrong"),
        (METHOD.format("return [10**5000]"), "wrong"),
        (METHOD.format("return [0] * 10**6"), "wrong"),
        (METHOD.format("return {1}"), "runtime_error"),
        (METHOD.format("return self"), "runtime_error"),
        (METHOD.format("assert False"), "runtime_error"),
        (METHOD.format("while True: pass"), "timeout"),
        (METHOD.format("return [0] * 10**9"), "memory_limit"),
        (METHOD.replace("add", "subtract").format("return [2, 3]"), "runtime_error"),
        ("def add(", "syntax_error"),
        # what looks like a value, but is none
        ("print('[2, 3]')\nexit()", "wrong"),
        ("print('[2, 3]')", "runtime_error"),
        ("import os\nos.write(1, b'[2, 3]\\n')\nos._exit(0)", "wrong"),
        (METHOD.format("print([number + k for number in numbers])\n        sys.exit()"), "wrong"),
        ("import atexit\natexit.register(lambda: print('[2, 3]'))\ndef add(*_): pass", "wrong"),
        # the marker tells what the value is, not whether it is right
        (
            "marker = sys._getframe().f_code.co_consts\nfor text in marker:\n    print(text, '[2, 3]')\n"
            "def add(*_): return 0",
            "wrong",
        ),
        ("class Equal(int):\n    def __eq__(self, _): return True\ndef add(*_): return Equal()", "wrong"),
        ("def add(*_):\n    value = []\n    for _ in range(900): value = [value]\n    return value", "wrong"),
    ],
)
def test_functions_are_judged_by_their_value(judge, code, outcome):
    assert verdict(judge, ADD, code) == Verdict(outcome)


def test_several_samples_of_a_problem_are_judged_in_order(judge):
    good, bad = "```\nprint(sum(map(int, input().split())))\n", "```\nprint(10)\n"
    assert [found.outcome for found in judge.verify(SUM, [good, bad, good])] == ["correct", "wrong", "correct"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ([{"input": "", "output": ""}], "must be {function, cases}"),
        ({"function": None, "cases": []}, "at least one test case"),
        ({"function": "f(", "cases": [{"input": "1", "output": "1"}]}, "is not a name"),
        ({"function": "f", "cases": [{"input": "1\nx", "output": "1"}]}, "holds 'x', not JSON"),
        ({"function": "f", "cases": [{"input": "1", "output": ""}]}, "holds '', not JSON"),
    ],
)
def test_an_unusable_reference_is_an_error(reference, message):
    with pytest.raises(ValueError, match=f"problem p cannot be verified by livecodebench: .*{message}"):
        verification.check("livecodebench", {"problem_id": "p", "reference": reference})
