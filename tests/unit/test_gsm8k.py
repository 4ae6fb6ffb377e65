import gzip
import json

import pytest

from monkeys.verification import Verdict
from monkeys.verification.gsm8k import Verifier, equal, extract


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("6*7=42\n#### 42", "42"),
        ("#### 1,234.", "1234"),
        ("#### $5.50", "5.50"),
        ("#### -3", "-3"),
        ("#### 1\n#### 2", "1"),
        ("the answer is 42", None),
        ("####42", None),
        ("", None),
    ],
)
def test_the_answer_is_what_first_follows_four_hashes(text, answer):
    assert extract(text) == answer


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        ("18", "18", True),
        ("18.0", "18", True),
        ("018", "18", True),
        ("18", "81", False),
        (".", "18", False),
        ("", "", True),
    ],
)
def test_answers_are_equal_as_texts_or_as_numbers(answer, gold, same):
    assert equal(answer, gold) is same


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("#### 42", Verdict("correct", "42")),
        ("#### 43", Verdict("wrong", "43")),
        ("forty-two", Verdict("no_answer")),
        ("#### 1.2.3", Verdict("wrong", "1.2.3")),
    ],
)
def test_a_sample_is_judged_by_its_answer(text, verdict):
    assert Verifier({}).verify("6*7=42\n#### 42", text) == verdict


def test_a_reference_without_an_answer_is_an_error():
    with pytest.raises(ValueError, match="no '#### answer' in the reference"):
        Verifier({}).verify("42", "#### 42")


def test_published_labels_are_reproduced(shared_data):
    """1,319 solutions of a large model with published labels; their answers stand behind `A:`."""
    with gzip.open(shared_data / "graders" / "gsm8k_openai_solutions.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    judge = Verifier({})

    def in_our_form(text):
        return "#### ".join(text.rsplit("A: ", 1))  # one solution starts over and has two answers

    ours = [judge.verify(in_our_form(row["ground_truth"]), in_our_form(row["solution"])).outcome for row in rows]
    assert [outcome == "correct" for outcome in ours] == [row["is_correct"] for row in rows]
