import gzip
import json

import pytest

from monkeys.verification import Settings, Verdict
from monkeys.verification.answers import equivalence
from monkeys.verification.verifiers.gsm8k import Verifier, answer_in


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
def test_the_answer_follows_the_first_four_hashes(text, answer):
    assert answer_in(text) == answer


def verdict(text, reference="6*7=42\n#### 42"):
    with Verifier(Settings()) as judge:
        (found,) = judge.verify({"reference": reference}, [judge.extract(text)])
        return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#### 42", Verdict("correct", "42")),
        ("#### $42.00", Verdict("correct", "42.00")),
        ("#### 042", Verdict("correct", "042")),
        ("#### 43", Verdict("wrong", "43")),
        ("#### -42", Verdict("wrong", "-42")),
        ("#### ,", Verdict("wrong", "")),
    ],
)
def test_a_sample_is_judged_by_its_number(text, expected, monkeypatch):
    monkeypatch.setattr(equivalence, "Worker", None)  # no worker is needed
    assert verdict(text) == expected


def test_answers_that_are_not_plain_numbers_are_compared_as_formulas():
    assert verdict("#### 1.2.3") == Verdict("wrong", "1.2.3")
    assert verdict("#### 42..") == Verdict("wrong", "42.")


@pytest.mark.parametrize("reference", ["forty-two", "42 apples", "#### ,", "", 42, None])
def test_a_reference_without_an_answer_is_an_error(reference):
    with pytest.raises(ValueError, match="must contain '#### answer' or be a number"):
        Verifier.check({"reference": reference})


def test_published_labels_are_reproduced(shared_data):
    """1,319 solutions of a large model with published labels; their answers follow `A:`."""
    with gzip.open(shared_data / "graders" / "gsm8k_openai_solutions.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]

    def with_hashes(text):
        return "#### ".join(text.rsplit("A: ", 1))  # one solution starts over and has two answers

    ours = []
    with Verifier(Settings()) as judge:
        for row in rows:
            answer = judge.extract(with_hashes(row["solution"]))
            found = judge.verify({"reference": with_hashes(row["ground_truth"])}, [] if answer is None else [answer])
            ours.append([each.outcome for each in found] == ["correct"])
    assert ours == [row["is_correct"] for row in rows]
