r"""Answers of chat models: `\boxed{…}`, stated in prose, letters of options."""

import gzip
import json

import pytest

from monkeys.verification import Settings
from monkeys.verification.answers.stated import after_thinking
from monkeys.verification.verifiers import boxed, choice


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so the answer is $\boxed{42}$.", "42"),
        (r"\boxed{1}, no: \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed {x}", "x"),
        (r"\fbox{7}", "7"),
        (r"\boxed{\boxed{3}}", r"\boxed{3}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{5} and then \boxed{6", "5"),
        ("**Answer:** 42", "42"),
        ("**Final Answer**: $x = 3$.", "x = 3"),
        ("The answer is 7.", "7"),
        ("The final answer is: **12**\n\nI hope that helps!", "12"),
        ("### Answer\n42", None),
        ("answer is 3\nanswer is 4", "4"),
        (r"<think>\boxed{1}</think> It is \boxed{2}.", "2"),
        (r"<think> maybe \boxed{1}", None),
        (r"maybe \boxed{1}</think>no box", None),
        ("", None),
    ],
)
def test_the_last_complete_box_or_else_the_last_stated_answer_is_found(text, answer):
    with boxed.Verifier(Settings()) as verifier:
        assert verifier.extract(text) == answer


@pytest.mark.parametrize(
    "part",
    [r"\boxed{", "{", "answer is ", "**", "answer" + " " * 1000],
    ids=["boxes", "braces", "answers", "stars", "blanks"],
)
def test_the_answer_behind_a_long_hostile_text_is_found(part):
    """With half a million characters, which anything but linear time would not get through."""
    text = part * (500_000 // len(part))
    with boxed.Verifier(Settings()) as verifier:
        assert verifier.extract(rf"{text} \boxed{{7}}") == "7"
    assert choice.chosen_letter(rf"{text} \boxed{{C}}") == "C"


@pytest.mark.parametrize(
    ("answer", "reference", "outcome"),
    [
        (r"\frac{1}{2}", "0.5", "correct"),
        ("10,000", "10000", "correct"),
        ("073", "73", "correct"),
        (r"x = 5", "5", "correct"),
        (r"\text{(C)}", r"\text{(C)}", "correct"),
        ("41", "42", "wrong"),
        ("42", r"It is \boxed{42}.", "correct"),
    ],
)
def test_answers_are_compared_as_in_math(answer, reference, outcome):
    with boxed.Verifier(Settings()) as verifier:
        (verdict,) = verifier.verify({"problem_id": "p", "reference": reference}, [answer])
    assert verdict.outcome == outcome


LABELS_THAT_ARE_WRONG = {("3", "4:30 \\text{ p.m.}"), ("72", "10000")}
"""Right answers that the published labels, of another grader, count as wrong (gold 4:30 p.m. and 10{,}000)."""


@pytest.mark.slow
def test_published_labels_of_boxed_answers_are_reproduced(shared_data):
    file = shared_data / "graders/math_qwen25math_x8_rm_scored.jsonl.gz"
    rows = [json.loads(line) for line in gzip.open(file, "rt")]
    seen, others = 0, set()
    with boxed.Verifier(Settings()) as verifier:
        for row in rows:
            problem = {"problem_id": str(row["idx"]), "reference": row["gt_solution"]}
            answers = [verifier.extract(text) for text in row["samples"]]
            distinct = [answer for answer in dict.fromkeys(answers) if answer is not None]
            verdicts = dict(zip(distinct, verifier.verify(problem, distinct), strict=True))
            for answer, label in zip(answers, row["is_correct"], strict=True):
                seen += 1
                if (answer in verdicts and verdicts[answer].outcome == "correct") != label:
                    others.add((str(row["idx"]), answer))
    assert seen == 800
    assert others == LABELS_THAT_ARE_WRONG


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        (r"\boxed{C}", "C"),
        (r"\boxed{\text{(b)}}", "B"),
        (r"\boxed{\textbf{D}) 12}", "D"),
        ("The correct answer is (B).", "B"),
        ("**Answer: C**", "C"),
        ("Answer: option d", "D"),
        ("answer is C) because of that", "C"),
        ("I would say\n\n**(A)**", "A"),
        ("B", "B"),
        ("The answer is apples", None),
        ("I do not know", None),
        ("<think>B</think>C", "C"),
        ("<think>The answer is B", None),
    ],
)
def test_the_chosen_letter_is_found(text, letter):
    with choice.Verifier(Settings()) as verifier:
        assert verifier.extract(text) == letter


def test_letters_are_compared_and_a_reference_must_be_one():
    with choice.Verifier(Settings()) as verifier:
        verdicts = verifier.verify({"problem_id": "p", "reference": "(b)"}, ["B", "C"])
        assert [(verdict.outcome, verdict.answer) for verdict in verdicts] == [("correct", "B"), ("wrong", "C")]
    with pytest.raises(ValueError, match="must be the letter of an option, not 'four'"):
        choice.Verifier.check({"problem_id": "p", "reference": "four"})


def test_thinking_that_does_not_end_leaves_no_text():
    assert after_thinking("no thinking") == "no thinking"
    assert after_thinking("a</think>b</think>c") == "c"
    assert after_thinking("<think>a") == ""
