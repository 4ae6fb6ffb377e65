"""The built-in tasks, on synthetic data with the structure of their datasets and on copies of the datasets."""

import hashlib
import importlib
import json
import random
import re

import pytest

from monkeys import tasks, verification
from monkeys.study import Study
from monkeys.tasks import builtin
from monkeys.tasks.problems import LIMITS, build_problems, build_prompts, digest_of, known_solutions
from monkeys.tasks.rows import TaskData

PUBLISHED = {"gsm8k": 81_076, "math": 311_379}
"""Sum of the ids of the 128 published problems, by task."""


def module(name):
    return importlib.import_module(f"{builtin.__name__}.{name}")


def config(name, **changes):
    """Config of a built-in task in a study."""
    model = {"endpoint": {"base_url": "http://localhost", "model": "m"}, "tasks": [name]}
    task = {"samples": 1, "shard_size": 1, **changes}
    return Study.load({"study": "s", "tasks": {name: task}, "models": {"m": model}}).tasks[name]


def build(name, data, **changes):
    """Build the prompts and problems of a task from synthetic rows."""
    task = config(name, **changes)
    prompts = build_prompts(task, lambda which, _: iter(data[which]))
    return prompts, build_problems(prompts, task, lambda which, _: iter(data[which]))


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_thirteen_tasks_are_built_in():
    mathematics = ["aime24", "aime25", "gsm8k", "math", "math500", "minif2f"]
    programming = ["code_contests", "humaneval", "humaneval_plus", "livecodebench", "mbpp", "mbpp_plus"]
    assert sorted(tasks.names()) == sorted([*mathematics, *programming, "gpqa_diamond"])


HELD_TO_THE_FIRST_USE = ("aime25", "gpqa_diamond")
"""Tasks whose dataset has no commit that is publicly known."""


@pytest.mark.parametrize("name", tasks.names())
def test_a_built_in_task_requires_only_a_number_of_samples(name):
    task = config(name)
    assert task.base == name
    assert task.verifier in verification.names()
    assert task.revision is None if name in HELD_TO_THE_FIRST_USE else re.fullmatch("[0-9a-f]{40}", task.revision)


def test_flagged_problems_must_be_in_the_dataset_unless_outcomes_use_other_ids():
    flagged = {"flaky": ["1318"], "false_negative": ["2", "1319"]}
    with pytest.raises(ValueError, match=r"flagged\.false_negative: not in the dataset: 1319$"):
        build("gsm8k", GSM8K, problems=3, flagged=flagged)
    task = config("gsm8k", problems=3, flagged=flagged)
    assert len(build_prompts(task, lambda which, _: iter(GSM8K[which]), other_ids=True)) == 3


# GSM8K

GSM8K = {
    "problems": [
        {"question": f"What is {i} + 1?", "answer": f"{i}+1=<<{i}+1={i + 1}>>{i + 1}\n#### {i + 1}"}
        for i in range(1319)
    ],
    "examples": [{"question": f"Which is {i}?", "answer": f"This.\n#### {i}"} for i in range(7473)],
}


def test_the_published_problems_of_gsm8k_are_drawn():
    prompts, _ = build("gsm8k", GSM8K, problems=128)
    ids = [int(row["problem_id"]) for row in prompts]
    assert ids[:4] + ids[-3:] == [17, 43, 51, 64, 1290, 1312, 1315]
    assert sum(ids) == PUBLISHED["gsm8k"]
    assert 1042 in ids


@pytest.mark.parametrize("few_shot", [5, 3, 0])
def test_the_gsm8k_prompt_shows_the_first_published_examples_and_then_the_question(few_shot):
    prompts, _ = build("gsm8k", GSM8K, problems=128, few_shot=few_shot)
    shown = "".join(
        f"Question: Which is {i}?\nAnswer: This.\n#### {i}\n\n" for i in [1816, 1954, 6581, 1167, 6579][:few_shot]
    )
    assert prompts[0]["prompt"] == f"{shown}Question: What is 17 + 1?\nAnswer:"
    assert sum(int(row["problem_id"]) for row in prompts) == PUBLISHED["gsm8k"]


def test_the_whole_gsm8k_split_is_not_shuffled():
    prompts, problems = build("gsm8k", GSM8K)
    assert [row["source_index"] for row in prompts] == list(range(1319))
    assert verification.load("gsm8k").gold(problems[999]) == "1000"


# MATH

MATH = [{"problem": f"What is  ${i}$?\n", "solution": f"It is $\\boxed{{{i}}}$."} for i in range(5000)]


@pytest.fixture
def published_order(tmp_path, monkeypatch):
    math = module("math")
    (tmp_path / "order.txt").write_text("\n".join(math.digest(row["problem"]) for row in MATH))
    monkeypatch.setattr(math, "ORDER", tmp_path / "order.txt")


def test_the_published_problems_of_math_are_drawn_whatever_the_order_of_the_dataset(published_order):
    rows = [{**row, "problem": row["problem"].strip()} for row in random.Random(3).sample(MATH, 5000)]
    prompts, problems = build("math", {"problems": rows}, problems=128)
    ids = [int(row["problem_id"]) for row in prompts]
    assert ids[:4] + ids[-3:] == [82, 142, 188, 201, 4907, 4975, 4988]
    assert sum(ids) == PUBLISHED["math"]
    assert problems[0]["question"] == "What is  $82$?"
    assert problems[0]["reference"] == "It is $\\boxed{82}$."


@pytest.mark.parametrize("rows", [MATH[:-1], [*MATH[:-1], {"problem": "What is new?", "solution": "\\boxed{1}"}]])
def test_another_set_of_problems_is_not_mistaken_for_math(published_order, rows):
    with pytest.raises(
        ValueError,
        match=r"not have the 5,000 problems of the MATH test split.*1 of the split are missing.*number 4999",
    ):
        build("math", {"problems": rows})


def test_the_shipped_order_names_5000_problems():
    assert len(set(module("math").ORDER.read_text().split())) == 5000


def test_the_math_prompt_shows_minervas_four_examples_with_their_typos(published_order):
    prompts, _ = build("math", {"problems": MATH}, problems=["7"])
    prompt = prompts[0]["prompt"]
    *examples, last = prompt.split("\n\nProblem:\n")
    assert examples[0].startswith(
        "Problem:\nFind the domain of the expression  $\\frac{\\sqrt{x-2}}{\\sqrt{5-x}}$.}\n\nSolution:\n"
    )
    assert "30n&=480\\\n\\Rightarrow" in examples[2]
    assert "6x-4y&=a,\\\n6y-9x &=b.\\\n" not in examples[3] and "6x-4y&=a,\\\n6y-9x &=b.\n" in examples[3]
    endings = [re.search(r"Final Answer: The final answer is (.*)\. I hope it is correct\.$", e)[1] for e in examples]
    assert endings == ["$[2,5)$", "$24$", "$16$", "$-\\frac{2}{3}$"]
    assert last == "What is  $7$?\n\n\nSolution:"
    assert sha(prompt) == "a7f39975f45a3abc"


@pytest.mark.parametrize(
    ("text", "why"), [("x = 1", "no constant list_fewshot_samples"), (None, "its examples differ from the paper's")]
)
def test_math_examples_that_differ_from_the_papers_are_rejected(published_order, tmp_path, text, why):
    rows = [{"problem": "p", "solution": "s"}] * 4
    (tmp_path / "utils.py").write_text(text or f"def list_fewshot_samples():\n    return {rows}")
    with pytest.raises(ValueError, match=f"{why}.*install lm-eval 0.4.13.*examples: {{file: …}}"):
        build("math", {"problems": MATH}, examples={"file": str(tmp_path / "utils.py")})


# CodeContests


def contest(number, description="Add two numbers.", **changes):
    none = {"input": [], "output": []}
    return {
        "name": f"{number}_A",
        "description": f"{description} {number}",
        "public_tests": {"input": ["1 2\n"], "output": ["3\n"]},
        "private_tests": none,
        "generated_tests": {"input": ["2 2\n", "5 5\n"], "output": ["4\n", "10\n"]},
        "time_limit": {"seconds": 2, "nanos": 500_000_000},
        "solutions": {
            "language": [2, 3, 3, 3],
            "solution": ["int main() {}", "print('é')", f"\nprint({number})\n", "pass"],
        },
        **changes,
    }


CONTESTS = {
    "problems": [contest(0), contest(1, "See <image>."), contest(2, "[Image]"), contest(3, time_limit=None)],
    "examples": [contest(number, "Look at <image>" if number % 3 else "Sum.") for number in range(90)],
}


def test_code_contests_skips_problems_with_images_and_keeps_row_numbers():
    prompts, problems = build("code_contests", CONTESTS)
    assert [row["problem_id"] for row in prompts] == ["0", "3"]
    assert problems[0]["question"] == "Add two numbers. 0"


def test_code_contests_uses_all_tests_and_adds_the_judges_buffer_to_time_limits():
    _, problems = build("code_contests", CONTESTS)
    assert [case["output"] for case in problems[0]["reference"]] == ["3\n", "4\n", "10\n"]
    assert [problem["cpu_seconds"] for problem in problems] == [12.5, None]


def test_the_code_contests_prompt_shows_two_solved_problems():
    prompts, _ = build("code_contests", CONTESTS)
    question = module("code_contests").INSTRUCTION
    pool = [number for number in range(90) if number % 3 == 0]
    first, second = random.Random(0).sample(pool, 2)
    assert prompts[0]["prompt"] == (
        f"{question}\nSum. {first}\nA: ```print({first})```\n"
        f"{question}\nSum. {second}\nA: ```print({second})```\n"
        f"{question}\nAdd two numbers. 0\nA:"
    )
    assert sha(prompts[0]["prompt"]) == "f4f9e5d36687d171"


def test_code_contests_examples_need_a_python_solution():
    no_python = contest(1, solutions={"language": [2], "solution": ["int main() {}"]})
    prompts, _ = build("code_contests", {**CONTESTS, "examples": [no_python, contest(5), contest(8)]})
    assert all("A: ```print(5)```" in row["prompt"] and "A: ```print(8)```" in row["prompt"] for row in prompts)


def test_known_solutions_of_code_contests_are_its_python_programs_formatted_like_samples():
    task = config("code_contests")
    problems = [{"problem_id": "3", "source_index": 3}]
    rows = list(known_solutions(problems, task, lambda which, _: iter(CONTESTS[which])))
    assert [(row["problem_id"], row["sample"]) for row in rows] == [("3", 0), ("3", 1), ("3", 2)]
    assert rows[1]["text"] == "```\n\nprint(3)\n\n```"


# MiniF2F

THEOREM = "theorem mathd_algebra_{}\n  (x : ℝ)\n  (h : x + 1 = {}) :\n  x = 1 := sorry"
MINIF2F = [
    {"id": f"mathd_algebra_{i}", "header": "import Mathlib\n\nopen Real", "formal_statement": THEOREM.format(i, i)}
    for i in range(3)
]
MINIF2F += [
    {**MINIF2F[0], "id": "amc12_2000_p1"},
    {**MINIF2F[0], "id": "mathd_algebra_8", "formal_statement": "theorem mathd_algebra_8 :\n  1 + 1 = 2 := sorry"},
    {
        **MINIF2F[0],
        "id": "mathd_algebra_9",
        "formal_statement": "-- Error: Real.log\n-- theorem mathd_algebra_9 :\n--   1 + 1 = 2 := sorry",
    },
]


@pytest.fixture
def proofs(tmp_path, monkeypatch):
    """A stand-in for the file of examples, with the same structure."""
    minif2f = module("minif2f")
    blocks = [f"```header\ntheorem theorem{i}\n  1 = 1 :=\nby (\n  rfl\n)\n```\n" for i in range(1, 6)]
    text = minif2f.INSTRUCTION.join(blocks)
    (tmp_path / "prompts.py").write_text(f'OTHER = 1\nMINIF2F_FEW_SHOT_PROMPT = """{text}\n"""\n')
    monkeypatch.setattr(minif2f, "EXAMPLES_DIGEST", hashlib.sha256(f"{text}\n".encode()).hexdigest())
    return {"file": str(tmp_path / "prompts.py")}


def test_minif2f_uses_the_statements_that_come_from_math(proofs):
    prompts, problems = build("minif2f", {"problems": MINIF2F}, examples=proofs)
    assert [row["source_index"] for row in prompts] == [0, 1, 2, 4, 5]
    assert problems[0]["reference"] == MINIF2F[0]["formal_statement"]


def test_the_minif2f_prompt_shows_five_proofs_and_then_the_statement_without_its_name(proofs):
    prompts, _ = build("minif2f", {"problems": MINIF2F}, examples=proofs)
    instruction = module("minif2f").INSTRUCTION
    *examples, last = prompts[1]["prompt"].split(instruction)
    assert [re.findall(r"theorem\d", example) for example in examples] == [[f"theorem{i}"] for i in range(1, 6)]
    assert last == "```import Mathlib\n\nopen Real\ntheorem6\n  (x : ℝ)\n  (h : x + 1 = 1) :\n  x = 1 :=\nby (\n"
    assert sha(prompts[1]["prompt"]) == "850b12f8cb9ba701"


def test_minif2f_keeps_theorem_names_that_do_not_end_their_line(proofs):
    prompts, _ = build("minif2f", {"problems": MINIF2F}, examples=proofs)
    assert prompts[3]["prompt"].endswith("\ntheorem mathd_algebra_8 :\n  1 + 1 = 2 :=\nby (\n")


def test_a_commented_out_minif2f_statement_is_shown_unchanged_and_verified_uncommented(proofs):
    prompts, problems = build("minif2f", {"problems": MINIF2F}, examples=proofs)
    assert prompts[4]["prompt"].endswith(
        "\n-- Error: Real.log\n-- theorem mathd_algebra_9 :\n--   1 + 1 = 2 :=\nby (\n"
    )
    assert problems[4]["reference"] == "theorem mathd_algebra_9 :\n  1 + 1 = 2 := sorry"


@pytest.mark.parametrize("few_shot", [2, 0])
def test_minif2f_may_show_fewer_proofs(proofs, few_shot):
    prompts, _ = build("minif2f", {"problems": MINIF2F}, examples=proofs, few_shot=few_shot)
    assert prompts[0]["prompt"].count("\nby (\n") == few_shot + 1


def test_minif2f_examples_that_differ_from_the_papers_are_rejected(proofs, monkeypatch):
    monkeypatch.setattr(module("minif2f"), "EXAMPLES_DIGEST", "0" * 64)
    with pytest.raises(
        ValueError, match=r"its examples differ from the paper's.*fetch https://raw.*prompts\.py.*examples: {file: …}"
    ):
        build("minif2f", {"problems": MINIF2F}, examples=proofs)


def test_if_the_minif2f_examples_cannot_be_loaded_the_error_says_what_to_fetch(tmp_path, monkeypatch):
    monkeypatch.setattr(module("minif2f"), "SOURCE", "http://127.0.0.1:9/llmonk/generate/prompts.py")
    monkeypatch.setattr("datasets.config.DOWNLOADED_DATASETS_PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"cannot be loaded.*fetch http://127.*examples: {file: …}"):
        build("minif2f", {"problems": MINIF2F})


# HumanEval and MBPP


def test_humaneval_prompts_are_completed_and_checked_by_their_tests():
    row = {
        "task_id": "HumanEval/0",
        "prompt": "def one():\n",
        "test": "def check(candidate):\n    assert candidate() == 1\n",
        "entry_point": "one",
    }
    prompts, problems = build("humaneval", {"problems": [row]})
    assert prompts == [{"problem_id": "HumanEval/0", "source_index": 0, "prompt": "def one():\n"}]
    after = "def check(candidate):\n    assert candidate() == 1\n\ncheck(one)\n"
    assert problems[0]["reference"] == {"before": "def one():\n", "after": after}


def test_mbpp_shows_three_fixed_examples():
    def row(number):
        tests = [f"assert f() == {number}", "assert True"]
        return {
            "task_id": number,
            "text": f"Return {number}.",
            "code": "def f():\r\n  pass",
            "test_list": tests,
            "test_setup_code": "",
        }

    data = {"problems": [row(11), row(12)], "examples": [row(number) for number in range(1, 11)]}
    prompts, problems = build("mbpp", data)
    instruction = (
        "You are an expert Python programmer, and here is your task: Return {0}. Your code should pass these tests:\n\n"
    )
    instruction += "assert f() == {0}\nassert True\n[BEGIN]\n"
    shown = "".join(instruction.format(number) + "def f():\n  pass\n[DONE]\n\n" for number in (2, 3, 4))
    assert prompts[1]["problem_id"] == "12"
    assert prompts[1]["prompt"] == shown + instruction.format(12)
    assert problems[1]["reference"] == {"before": "", "after": "\nassert f() == 12\nassert True\n"}
    assert sha(prompts[1]["prompt"]) == "ca82b40e286f85e5"


# HumanEval+ and MBPP+, whose tests have this layout

EVALPLUS = """
import numpy as np

def is_floats(x) -> bool:
    # check if it is float; List[float]; Tuple[float]
    if isinstance(x, float):
        return True
    if isinstance(x, (list, tuple)):
        return all(isinstance(i, float) for i in x)
    if isinstance(x, np.ndarray):
        return x.dtype == np.float64 or x.dtype == np.float32
    return False


def assertion(out, exp, atol):
    exact_match = out == exp

    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert exact_match


"""
HALVES = {
    "task_id": "HumanEval/900",
    "prompt": "def halves(numbers):\n",
    "entry_point": "halves",
    "test": EVALPLUS
    + """def check(candidate):
    inputs = [[[1, 2]], [[]], [[10**6]]]
    results = [[0.5, 1.0], [], [500000.0]]
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assertion(candidate(*inp), exp, 0)
""",
}
FIND_ZERO = {
    "task_id": "HumanEval/32",
    "prompt": "def find_zero(xs):\n",
    "entry_point": "find_zero",
    "test": """import math

def _poly(xs: list, x: float):
    return sum([coeff * math.pow(x, i) for i, coeff in enumerate(xs)])


def check(candidate):
    inputs = [[[1, 2]]]
    results = [-0.5]
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assert _poly(*candidate(*inp), inp) <= 0.0001
""",
}


@pytest.fixture(scope="module")
def functions():
    with verification.load("functions")(verification.Settings(cpu_seconds=5, memory_mb=256)) as verifier:
        yield lambda problem, text: next(iter(verifier.verify(problem, [text]))).outcome


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("    return [number / 2 for number in numbers]", "correct"),
        ("    return [number / 2 + 1e-7 for number in numbers]", "correct"),  # within the tolerance of floats
        ("    return tuple(number / 2 for number in numbers)", "correct"),  # allclose takes any sequence
        ("    return [number / 2 + 1e-4 for number in numbers]", "wrong"),
        ("    return [number / 2 for number in numbers[:1]] * 3", "wrong"),
        ("    return [float('nan') for number in numbers]", "wrong"),
        ("    return [float('inf') for number in numbers]", "wrong"),
        ("    return None", "runtime_error"),
    ],
)
def test_humaneval_plus_compares_floats_without_numpy(functions, body, outcome):
    prompts, (problem,) = build("humaneval_plus", {"problems": [HALVES]})
    assert prompts[0]["prompt"] == HALVES["prompt"]
    assert functions(problem, body) == outcome


@pytest.mark.parametrize(
    ("root", "outcome"), [("-xs[0] / xs[1]", "correct"), ("-9.0", "wrong"), ("xs[0] / xs[1]", "wrong")]
)
def test_the_test_of_humaneval_plus_that_no_solution_passes_is_corrected(functions, root, outcome):
    _, (problem,) = build("humaneval_plus", {"problems": [FIND_ZERO]})
    assert functions(problem, f"    return {root}") == outcome


def test_tests_that_need_more_of_numpy_than_its_stand_in_are_an_error():
    row = {**HALVES, "test": HALVES["test"].replace("np.allclose", "np.isclose")}
    with pytest.raises(ValueError, match=r"problem HumanEval/900: its test uses np\.isclose, which has no stand-in"):
        build("humaneval_plus", {"problems": [row]})


def test_mbpp_plus_asks_in_a_docstring_and_gives_slow_problems_more_time(functions):
    row = {
        "task_id": 2,
        "prompt": "Write a function to find the shared elements from the given two lists.",
        "test_imports": ["import math"],
        "test_list": ["assert set(similar_elements((3, 4), (4, 5))) == set((4,))", "assert True"],
        "test": EVALPLUS
        + """inputs = [[(3, 4), (4, 5)], [(), ()]]
results = [(4,), ()]
for i, (inp, exp) in enumerate(zip(inputs, results)):
    assertion(set(similar_elements(*inp)), set(exp), 0)
""",
    }
    prompts, problems = build("mbpp_plus", {"problems": [row, {**row, "task_id": 599}]})
    assert prompts[0]["prompt"] == (
        '"""\nWrite a function to find the shared elements from the given two lists.\n'
        'assert set(similar_elements((3, 4), (4, 5))) == set((4,))\n"""\n'
    )
    assert [(problem["problem_id"], problem["cpu_seconds"]) for problem in problems] == [("2", None), ("599", 150)]
    assert problems[0]["reference"]["after"].startswith("import math\n")
    right = "def similar_elements(a, b):\n    return tuple(set(a) & set(b))"
    assert functions(problems[0], right) == "correct"
    assert functions(problems[0], right.replace("&", "|")) == "wrong"
    assert functions(problems[0], "import numpy") == "runtime_error"


# Tasks for chat models


@pytest.mark.parametrize("name", ["math500", "aime24", "aime25"])
def test_problems_for_chat_models_ask_for_a_boxed_answer(name):
    rows = [{"unique_id": "test/1", "id": "60", "problem": "What is 6 · 7?", "answer": "42"}]
    (prompt,), (problem,) = build(name, {"problems": rows})
    assert prompt["prompt"] == (
        "What is 6 · 7?\n\nPlease reason step by step, and put your final answer within \\boxed{}."
    )
    assert (problem["question"], problem["reference"]) == ("What is 6 · 7?", "42")
    assert problem["problem_id"] == ("test/1" if name == "math500" else "60")


def test_options_of_gpqa_are_shuffled_the_same_way_in_every_study():
    rows = [
        {
            "Record ID": f"recA{number}",
            "Question": " Which? ",
            "Correct Answer": "right",
            **{f"Incorrect Answer {n}": f"wrong {n}" for n in (1, 2, 3)},
        }
        for number in range(200)
    ]
    prompts, problems = build("gpqa_diamond", {"problems": rows})
    for prompt, problem in zip(prompts, problems, strict=True):
        assert f"\n{problem['reference']}) right\n" in prompt["prompt"]
    letters = [problem["reference"] for problem in problems]
    assert "".join(letters[:8]) == "BADCCDDA"
    assert all(30 < letters.count(letter) < 70 for letter in "ABCD")
    assert prompts[0]["prompt"].startswith("Which?\n\nA) ")


# Copies of the datasets

COPIES = {
    "gsm8k": ({"problems": 128}, 128, "ffbbe85b79faf3bf"),
    "math": ({"problems": 128, "subset": None}, 128, "e1a5c74c7decdcef"),
    "code_contests": ({}, 140, "a3d9298b1802d528"),
    "minif2f": ({"few_shot": 0}, 130, "eb98be3b0bcf46cc"),
    "humaneval": ({}, 164, "69c7bc3d03e1e8dd"),
}
FOLDERS = {"math": "competition_math", "minif2f": "minif2f-lean4", "humaneval": "openai_humaneval"}


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_the_datasets_give_the_published_problems_and_prompts(shared_data, name):
    changes, count, digest = COPIES[name]
    task = config(name, dataset=str(shared_data / "hub" / FOLDERS.get(name, name)), **changes)
    data = TaskData(task, "")
    prompts = build_prompts(task, data)
    problems = build_problems(prompts, task, data)
    assert len(prompts) == len(problems) == count
    assert digest_of(prompts, "prompt")[:16] == digest
    assert len(digest_of(problems, "reference", *LIMITS)) == 64
    if name in PUBLISHED:
        subsets = json.loads((shared_data / "subsets/brown2024_problem_subsets.json").read_text())[name]
        assert [int(row["problem_id"]) for row in prompts] == subsets["test_idx_sorted"]
