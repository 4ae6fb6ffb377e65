"""The training data of the demo's reward model, and the accuracy of the shipped one."""

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


def test_a_token_is_labelled_by_whether_a_correct_solution_has_the_same_prefix(shipped):
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    one = Attempts("Tom has 1+1.\n", "1+1=2\n#### 2", ["1+1=2\n#### 2", "1+1=3\n#### 3"], [True, False])
    rows = samples([one], tokenizer, random.Random(0))
    (right, all_right), (wrong, labels) = next(rows), next(rows)
    assert tokenizer.decode(right) == "Tom has 1+1.\n1+1=2\n#### 2"
    assert tokenizer.decode(wrong) == "Tom has 1+1.\n1+1=3\n#### 3"
    prompt_length = len(tokenizer.encode(one.prompt))
    assert all_right == [UNLABELLED] * prompt_length + [1] * (len(right) - prompt_length)
    common = next(position for position, pair in enumerate(zip(right, wrong, strict=True)) if pair[0] != pair[1])
    assert labels == [UNLABELLED] * prompt_length + [1] * (common - prompt_length) + [0] * (len(wrong) - common)


def test_an_unfinished_sample_is_labelled_wrong_only_at_its_end(shipped):
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    rows = samples([Attempts("", "1+1=2\n#### 2", ["1+1="], [False])], tokenizer, random.Random(0))
    assert next(rows) == (tokenizer.encode("1+1=2\n#### 2"), [1] * len(tokenizer.encode("1+1=2\n#### 2")))
    assert next(rows) == (tokenizer.encode("1+1="), [1, 1, 1, 0])


@pytest.mark.slow
def test_exercises_do_not_include_problems_of_the_demo():
    prompts = {exercise.prompt for exercise in exercises(0, **TEMPLATES)}
    assert len(prompts) > 1000
    demo = {row["question"] for row in demo_rows("arithmetic", 0)}
    demo |= {row["specification"] for row in demo_rows("programs", 0)}
    assert not prompts & demo


def miscalculated(rng, answer):
    """An answer with a wrong result in its last calculation."""
    lines = answer.split("\n")
    right = lines[-2].split("=")[1]
    wrong = str(int(right) + rng.choice([-10, -1, 1, 10]))
    return "\n".join([*lines[:-2], re.sub(r"=.*", f"={wrong}", lines[-2]), f"#### {wrong}"])


def misread(_, solution):
    """A program with a different first operation."""
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
def test_the_shipped_model_usually_prefers_the_correct_solution(shipped, solved, spoil):
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
