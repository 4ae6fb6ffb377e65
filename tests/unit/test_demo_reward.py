"""The demo's reward model: what it learns from, and what the shipped one can tell."""

import random
import re

import pytest
from transformers import AutoTokenizer

from monkeys.demo import arithmetic, programs
from monkeys.demo.attempts import Attempts, exercises
from monkeys.demo.examples import demo_rows
from monkeys.demo.reward import samples
from monkeys.demo.training import UNLABELLED
from monkeys.rewards.model import RewardModel
from monkeys.rewards.reward import RewardModelConfig

TEMPLATES = {"arithmetic_prompt": "{{ question }}", "programs_prompt": "{{ specification }}"}


@pytest.fixture(scope="module")
def shipped(root):
    return root / "resources/demo/marmoset-reward"


def test_a_token_is_labelled_by_whether_a_right_solution_begins_like_this(shipped):
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    one = Attempts("Tom has 1+1.\n", "1+1=2\n#### 2", ["1+1=2\n#### 2", "1+1=3\n#### 3"], [True, False])
    rows = samples([one], tokenizer, random.Random(0))
    (right, all_right), (wrong, labels) = next(rows), next(rows)
    assert tokenizer.decode(right) == "Tom has 1+1.\n1+1=2\n#### 2"
    assert tokenizer.decode(wrong) == "Tom has 1+1.\n1+1=3\n#### 3"
    asked = len(tokenizer.encode(one.prompt))
    assert all_right == [UNLABELLED] * asked + [1] * (len(right) - asked)
    same = next(place for place, pair in enumerate(zip(right, wrong, strict=True)) if pair[0] != pair[1])
    assert labels == [UNLABELLED] * asked + [1] * (same - asked) + [0] * (len(wrong) - same)


def test_a_sample_that_breaks_off_begins_right_and_ends_wrong(shipped):
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    rows = samples([Attempts("", "1+1=2\n#### 2", ["1+1="], [False])], tokenizer, random.Random(0))
    assert next(rows) == (tokenizer.encode("1+1=2\n#### 2"), [1] * len(tokenizer.encode("1+1=2\n#### 2")))
    assert next(rows) == (tokenizer.encode("1+1="), [1, 1, 1, 0])


@pytest.mark.slow
def test_no_exercise_is_a_problem_of_the_demo():
    asked = {exercise.prompt for exercise in exercises(0, **TEMPLATES)}
    assert len(asked) > 1000
    demo = {row["question"] for row in demo_rows("arithmetic", 0)}
    demo |= {row["specification"] for row in demo_rows("programs", 0)}
    assert not asked & demo


def miscalculated(rng, answer):
    """An answer that goes on from a wrong result of its last calculation."""
    lines = answer.split("\n")
    right = lines[-2].split("=")[1]
    wrong = str(int(right) + rng.choice([-10, -1, 1, 10]))
    return "\n".join([*lines[:-2], re.sub(r"=.*", f"={wrong}", lines[-2]), f"#### {wrong}"])


def misread(_, solution):
    """A program whose first operation is another one."""
    first, operation, *rest = solution.split("\n")
    another = "a=sorted(a)[::-1]" if "sorted" not in operation else "a=[x*2 for x in a]"
    return "\n".join([first, another, *rest])


WORD_PROBLEMS = [
    (f"Question: {problem.question}\nAnswer:\n", problem.answer) for problem in arithmetic.held_out_set(0, 15, 3)
]
PROGRAMS = [
    (f"Specification: {program.specification}\nProgram:\n", program.solution)
    for program in programs.held_out_set(0, 15, 3)
]


@pytest.mark.slow
@pytest.mark.parametrize(("solved", "spoil"), [(WORD_PROBLEMS, miscalculated), (PROGRAMS, misread)])
def test_the_shipped_model_mostly_prefers_the_right_one_of_two_solutions(shipped, solved, spoil):
    rng = random.Random(0)
    reward = RewardModelConfig(
        "r", str(shipped), None, chat=False, context="prompt", max_length=None, batch_tokens=2048, dtype="float32"
    )
    model = RewardModel(reward, shipped)
    texts = [prompt + text for prompt, solution in solved for text in (solution, spoil(rng, solution))]
    scored = {}
    for numbers, values in model.rewards(model.tokenizer(texts)["input_ids"]):
        scored.update(zip(numbers, values, strict=True))
    preferred = sum(scored[number] > scored[number + 1] for number in range(0, len(texts), 2))
    assert preferred > 0.65 * len(solved)
