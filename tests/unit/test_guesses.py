import pytest
import yaml

from monkeys.study import Study
from monkeys.study.task import Task
from monkeys.tasks.guesses import guess_ranks
from monkeys.tasks.problems import build_problems, build_prompts
from monkeys.tasks.rows import TaskData

TASK = Task(verifier="gsm8k", guesses="train", columns={"reference": "answer"})
ANSWERS = ["#### 7", "so #### 7", "#### 12", "#### 12.0", "#### 12", "#### 3", "no answer"]


def ranks(golds, task=TASK, answers=ANSWERS):
    problems = [{"problem_id": f"p{n}", "reference": gold} for n, gold in enumerate(golds)]
    rows = lambda which, columns: [{"answer": answer} for answer in answers]  # noqa: E731
    return dict(guess_ranks(problems, task, rows))


def test_answers_are_guessed_by_their_frequency_in_the_training_split():
    assert ranks(["#### 12", "#### 7", "#### 3", "#### 5"]) == {"p0": 1, "p1": 2, "p2": 3, "p3": None}


def test_equal_numbers_are_one_answer():
    assert ranks(["#### 7.00"]) == {"p0": 2}


def test_a_training_split_without_answers_is_an_error_that_names_the_key():
    with pytest.raises(ValueError, match="guesses: the split train has no answers that the verifier gsm8k can read"):
        ranks(["#### 1"], answers=["no answer"])


def test_a_verifier_that_does_not_compare_answers_is_an_error_that_names_the_key():
    with pytest.raises(ValueError, match="guesses: the verifier programs does not compare answers"):
        ranks(["#### 1"], task=TASK.model_copy(update={"verifier": "programs"}))


def test_half_of_gsm8k_is_solved_by_a_few_hundred_guesses(shared_data, root):
    """Numeric answers are few: enumerating them solves most problems, as Yona et al. 2024 point out."""
    config = yaml.safe_load((root / "config.yaml").read_text())
    config["tasks"]["gsm8k"] |= {"dataset": str(shared_data / "hub/gsm8k"), "revision": None}
    task = Study.of(config).tasks["gsm8k"]
    data = TaskData(task, "results")
    problems = build_problems(build_prompts(task, data), task, data)
    training = TaskData(task.model_copy(update={"split": "train"}), "results")
    found = dict(guess_ranks(problems, task, training))
    assert len(found) == 128

    def coverage(k):
        return sum(rank is not None and rank <= k for rank in found.values()) / len(found)

    assert coverage(1) < 0.05 and 0.5 < coverage(200) < coverage(1000)
