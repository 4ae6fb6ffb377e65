r"""Answers of chat models: `\boxed{…}`, stated in prose, letters of options."""

import gzip
import json

import pytest

from monkeys.verification import Settings, Verdict
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
        ("answer is 3\nanswer is 4", "4"),
        ("Final Answer: The final answer is 7.78.", "7.78"),
        ("The answer is 5. I hope that this answer is", "5"),
        ("### Answer\n42", "42"),
        ("## **Final Answer**\n\n$$\n\\frac{1}{2}\n$$\n", r"\frac{1}{2}"),
        ("The final answer is:\n\n\\[\n12\n\\]", "12"),
        ("The final answer is \\[\n12\n\\]", "12"),
        ("**Answer:**\n\n- 42", "42"),
        ("1. Sum up.\n2. **Answer**: 42", "42"),
        ("> *Answer:* `42`", "42"),
        ("The answer is **42** apples.", "42"),
        ("Answer: 2**3", "2**3"),
        ("The answer is $42$ meters.", "$42$ meters"),
        ("The answer is $12$ and $13$.", "$12$ and $13$"),
        ("The answer is __*7*__", "7"),
        ("| step | value |\n|---|---|\n| sum | 4 |\n| **Final answer** | **42** |", "42"),
        ("The answer is 42.\n\n| Answer | Reason |\n|:--|:--|\n| 1 | none |", "42"),
        ("I found the answer!\nLet me check.", None),
        (r"<think>\boxed{1}</think> It is \boxed{2}.", "2"),
        (r"<think> maybe \boxed{1}", None),
        (r"maybe \boxed{1}</think>no box", None),
        ("", None),
    ],
)
def test_the_last_complete_box_or_else_the_last_stated_answer_is_found(text, answer):
    with boxed.Verifier(Settings()) as verifier:
        assert verifier.extract(text) == answer


LONG = {
    "boxes": r"\boxed{",
    "braces": "{",
    "answers": "answer is ",
    "stars": "**",
    "blanks": "answer" + " " * 1000,
    "headings": "answer\n",
    "cells": "|answer",
    "rows": "\n|answer|",
    "dollars": "$",
    "math": r"\(",
    "powers": "x*",
    "periods": ".",
}


@pytest.mark.parametrize("part", LONG.values(), ids=LONG)
def test_the_answer_behind_a_long_hostile_text_is_found(part):
    """With half a million characters, which anything but linear time would not get through."""
    text = part * (500_000 // len(part))
    with boxed.Verifier(Settings()) as verifier:
        assert verifier.extract(rf"{text} \boxed{{7}}") == "7"
        assert verifier.extract(f"{text}\nAnswer: 7") == "7"
    assert choice.chosen_letter(rf"{text} \boxed{{C}}") == "C"
    assert choice.chosen_letter(f"{text}\nThe answer is (C).") == "C"
    assert choice.chosen_letter(f"x{text}xx") is None


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


SECOND_OPINIONS = [
    # reference, text, boxed, Math-Verify
    (r"It is \boxed{\frac{1}{2}}.", r"\boxed{0.5}", "correct", "correct"),
    ("42", r"\boxed{41}", "wrong", "wrong"),
    ("42", r"<think>\boxed{42}</think> \boxed{41}", "wrong", "wrong"),
    ("42", r"<think>\boxed{41}, not 40</think> **Answer:** $42$", "correct", "correct"),
    ("42", r"It is not $42$ but \boxed{41}, and $42$ is wrong.", "wrong", "wrong"),
    (r"\$6", r"\boxed{6}", "correct", "correct"),
    (r"\frac{7}{2}", r"\boxed{3\frac{1}{2}}", "wrong", "correct"),
    (r"\text{4:30 p.m.}", r"\boxed{4:30 \text{ p.m.}}", "correct", "wrong"),
    ("1,2", r"\boxed{2,1}", "wrong", "correct"),
]


def test_math_verify_judges_the_same_answer_and_never_the_thinking():
    with boxed.Verifier(Settings(second_opinion=True)) as verifier:
        for reference, text, *outcomes in SECOND_OPINIONS:
            (verdict,) = verifier.verify({"problem_id": "p", "reference": reference}, [verifier.extract(text)])
            assert [verdict.outcome, verdict.second_opinion] == outcomes, text


LABELS_THAT_ARE_WRONG = {("3", "4:30 \\text{ p.m.}"), ("72", "10000")}
"""Right answers that the published labels, of another grader, count as wrong (gold 4:30 p.m. and 10{,}000)."""


@pytest.mark.slow
def test_published_labels_of_boxed_answers_are_reproduced(shared_data):
    file = shared_data / "graders/math_qwen25math_x8_rm_scored.jsonl.gz"
    seen, both_agree, others, unlike_math_verify = 0, 0, set(), set()
    with boxed.Verifier(Settings(second_opinion=True)) as verifier:
        for row in map(json.loads, gzip.open(file, "rt")):
            problem = {"problem_id": str(row["idx"]), "reference": row["gt_solution"]}
            answers = [verifier.extract(text) for text in row["samples"]]
            distinct = [answer for answer in dict.fromkeys(answers) if answer is not None]
            verdicts = dict(zip(distinct, verifier.verify(problem, distinct), strict=True))
            for answer, label in zip(answers, row["is_correct"], strict=True):
                verdict = verdicts.get(answer, Verdict("no_answer"))
                ours, math_verify = verdict.outcome == "correct", verdict.second_opinion == "correct"
                seen += 1
                both_agree += ours == math_verify
                if ours != label:
                    others.add((str(row["idx"]), answer))
                if math_verify != label:
                    unlike_math_verify.add((str(row["idx"]), answer))
    assert seen == 800 and both_agree >= 792
    assert others == LABELS_THAT_ARE_WRONG
    assert unlike_math_verify <= LABELS_THAT_ARE_WRONG


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "equal", "ours", "math_verify"),
    [("huggingface/Math-Verify", 68, 53, 62), ("huggingface/lighteval", 83, 56, 70)],
)
def test_at_least_this_many_labelled_pairs_are_recognised_as_equal(shared_data, source, equal, ours, math_verify):
    """Test cases of other graders, those whose text states an answer as chat models do."""
    lines = (shared_data / "graders/math_equivalence_pairs.jsonl").read_text().splitlines()
    pairs = [pair for pair in map(json.loads, lines) if pair["source"].startswith(source)]
    verdicts = []
    with boxed.Verifier(Settings(second_opinion=True)) as verifier:
        for pair in pairs:
            answer = verifier.extract(pair["pred"])
            if answer is not None and pair["expected"]:
                verdicts += verifier.verify({"problem_id": "p", "reference": pair["gold"]}, [answer])
    assert len(verdicts) == equal
    assert sum(verdict.outcome == "correct" for verdict in verdicts) >= ours
    assert sum(verdict.second_opinion == "correct" for verdict in verdicts) >= math_verify


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
        ("The answer is: (D).", "D"),
        ("Answer: B) 5 m/s, because it is twice A.", "B"),
        ("**B**", "B"),
        ("_B_", "B"),
        ("The answer is **(B)** 5 m/s, not A.", "B"),
        (r"\boxed{\text{Option C}}", "C"),
        (r"\boxed{\mathbf{(C)}}", "C"),
        (r"\boxed{\textnormal{C}}", "C"),
        (r"Answer: $\textbf{(D) } 12$", "D"),
        (r"The value is \boxed{42}, so the correct option is (C).", "C"),
        ("### Final answer\n\n- **C) 3**", "C"),
        ("| **Answer** | **C** |", "C"),
        ("A) 1\nB) 2\nC) 3\nD) 4\n\nThe correct choice is **C) 3**.", "C"),
        ("A) 1\nB) 2\nC) 3\nD) 4\n\nIt grows, hence:\n\n**B) 2**", "B"),
        ("The options are\nA) 1\nB) 2\nC) 3\nD) 4", None),
        ("The answer is B.\n\nI hope that this answer is helpful.", "B"),
        ("C\n\n---\n", "C"),
        ("The answer is a matter of taste", None),
        ("The answer is a.", "A"),
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
