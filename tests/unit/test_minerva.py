"""Extraction, normalisation and judging of answers in the form of the Minerva prompt."""

import csv
import gzip
import itertools
import json
import re
import time

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval.tasks.minerva_math import utils as harness

from monkeys.verification import Settings, Verdict, load
from monkeys.verification.answers.minerva import answer_in, gold_in, normalised, without_markup
from monkeys.verification.verifiers.minerva import Verifier

REGEX = re.compile(r"Final Answer: The final answer is(.*?). I hope it is correct.")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So 42.\nFinal Answer: The final answer is $42$. I hope it is correct.", "$42$"),
        ("Final Answer: The final answer is $1$. I hope it is correct.\n\nProblem: …", "$1$"),
        ("Final Answer: The final answer is $1$. ", "$1$"),  # truncated at the stop string, with the space left over
        ("Final Answer: The final answer is $1$.", None),
        ("Final Answer: The final answer is $1$", None),
        ("Final Answer: The final answer is\n$1$. I hope it is correct.", None),
        ("Final Answer: The final answer is. I hope it is correct.", ""),
        (r"The answer is \boxed{1}.", None),
        ("", None),
    ],
)
def test_the_answer_is_between_the_two_fixed_phrases_on_one_line(text, answer):
    assert answer_in(text) == answer


FRAGMENTS = ["Final Answer: The final answer is", " I hope it is correct", "I hope", ".", "\n", " ", "$1$", "x", "\r"]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))
@settings(max_examples=1000)
def test_extraction_of_answers_agrees_with_the_regular_expression(text):
    match = REGEX.search(text + "I hope it is correct.")
    assert answer_in(text) == (match[1].strip() if match else None)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))
def test_extraction_of_answers_agrees_with_the_harness(text):
    theirs = harness.get_unnormalized_answer(text)
    assert (answer_in(text) or "[invalidanswer]") == (theirs or "[invalidanswer]")


@pytest.mark.parametrize("text", ["Final Answer: The final answer is" * 100_000, " I hope it is correct\n" * 100_000])
def test_megabytes_are_searched_quickly(text):
    start = time.process_time()
    answer_in(text)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("solution", "gold"),
    [
        (r"$\boxed{1}$, so $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"It is $\boxed 7$ then.", "7"),
        (r"\boxed{\text{a}{b}}", r"\text{a}{b}"),
        (r"\boxed{1", None),
        (r"\boxed1", None),
        ("no box", None),
    ],
)
def test_the_gold_answer_is_in_the_last_box(solution, gold):
    assert gold_in(solution) == gold


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("$42$", "42"),
        ("x = 5", "5"),
        (r"$\$1,234$", "1234"),
        (r"12\text{ cm}", "12"),
        (r"90^\circ", "90"),
        (r"\frac12", r"\frac{1}{2}"),
        (r"\sqrt2", r"\sqrt{2}"),
        (r"\sqrt[3]2", r"\sqrt[3]{2}"),
        (r"\left(1,2\right)", r"\left(1,2\right)"),
        (r"the number $7$ of $8$", "7"),
        ("0,1", "0,1"),
        (r"\boxed{3}", "3"),
        ("$$", ""),
    ],
)
def test_units_and_decoration_are_removed(written, answer):
    assert normalised(written) == answer


PIECES = [
    *["$", "{", "}", "[", "]", "=", ",", ".", " ", "\n", "\\", "_", "1", "234", "a ", "an ", "x", "é", '"', "s"],
    *["\\text{", "\\textbf{", "\\overline{", "\\boxed{", "\\mbox{", "\\frac", "\\sqrt", "\\sqrt[", "\\left(", "\\;"],
    *[
        "cm",
        "ft",
        "square",
        "units",
        "sue",
        "\\text{and}",
        "\\text{m}",
        "^\\circ",
        "^{\\circ}",
        "{,}",
        ",\\!",
        "\\ldots",
    ],
]


@pytest.mark.slow
@given(st.lists(st.sampled_from(PIECES), max_size=15).map("".join))
@settings(max_examples=2000)
def test_normalisation_of_answers_agrees_with_the_harness(answer):
    assert normalised(answer) == harness.normalize_final_answer(answer)


@pytest.mark.parametrize(
    "piece", ["$", "\\text{", "\\textbf{", "\\boxed{", "sqrt[", "sqrt[]", "x", "ft", "\\", "{", "frac", "1,", "="]
)
def test_megabytes_are_normalised_quickly(piece):
    start = time.process_time()
    normalised(piece * (1_000_000 // len(piece)))
    normalised(piece * (1_000_000 // len(piece)) + "]")
    assert time.process_time() - start < 3


def sample(answer):
    return f"Thus …\nFinal Answer: The final answer is {answer}. I hope it is correct."


def verdicts(reference, texts, **options):
    with Verifier(Settings(**options)) as judge:
        answers = [judge.extract(text) for text in texts]
        return list(judge.verify({"reference": reference}, answers))


def test_samples_are_judged_by_their_answers():
    texts = [sample(answer) for answer in (r"$\frac{2}{4}$", r"$\frac12$", "$0.5$", r"$\sqrt{1/4}$", "$2$", "$$")]
    assert verdicts(r"It is $\boxed{\frac{1}{2}}$.", texts) == [
        Verdict("correct", r"\frac{2}{4}"),
        Verdict("correct", r"\frac{1}{2}"),
        Verdict("correct", "0.5"),
        Verdict("correct", r"\sqrt{1/4}"),
        Verdict("wrong", "2"),
        Verdict("wrong", ""),
    ]


def test_the_reference_may_be_the_answer_alone():
    assert verdicts("12 cm", [sample("$12$")]) == [Verdict("correct", "12")]


def test_a_verdict_may_include_a_second_opinion():
    (verdict,) = verdicts(r"\boxed{1,2}", [sample("$2,1$")], second_opinion=True)
    assert verdict == Verdict("wrong", "2,1", "correct")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (r"It is \boxed{5", "no complete {…}"),
        (r"It is \boxed{}.", "contains no answer"),
        ("", "contains no answer"),
        (["12"], "must be a string"),
    ],
)
def test_a_reference_without_an_answer_is_an_error(reference, message):
    with pytest.raises(ValueError, match=message):
        Verifier.check({"reference": reference})


def test_the_verifier_is_loaded_by_name():
    assert load("minerva") is Verifier


def test_gold_answers_are_extracted_and_normalised_as_in_the_harness(shared_data):
    (path,) = (shared_data / "hub" / "competition_math" / "data").glob("test-*.parquet")
    for solution in pq.read_table(path)["solution"].to_pylist():
        Verifier.check({"reference": solution})
        gold = harness.remove_boxed(harness.last_boxed_only_string(solution))
        assert gold_in(solution) == gold
        assert normalised(gold) == harness.normalize_final_answer(gold)


@pytest.mark.slow
def test_every_gold_answer_is_equal_to_itself(shared_data):
    (path,) = (shared_data / "hub" / "competition_math" / "data").glob("test-*.parquet")
    with Verifier(Settings()) as judge:
        for solution in pq.read_table(path)["solution"].to_pylist():
            (found,) = judge.verify({"reference": solution}, [f"${gold_in(solution)}$"])
            assert found.outcome == "correct", solution


@pytest.mark.slow
def test_published_labels_are_reproduced(shared_data):
    """800 answers of a model with labels from its authors' grader, which does not support the comma `{,}`."""
    with gzip.open(shared_data / "graders" / "math_qwen25math_x8_rm_scored.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    differ = []
    with Verifier(Settings()) as judge:
        for row in rows:
            found = judge.verify({"reference": row["gt"]}, row["pred"])
            for verdict, answer, label in zip(found, row["pred"], row["is_correct"], strict=True):
                if (verdict.outcome == "correct") is not label:
                    differ.append((answer, row["gt"]))
    assert differ == [("10000", "10{,}000")]


LISTS = [
    "-4,-2,-1,1,2,4",
    "8,-112",
    r"\frac{1}{3},\frac{1}{9},2",
    "24,-3",
    "24",
    "24,77",
    "-3,24",
    "8",
    r"\frac{1}{3}",
    "(24,-3)",
]


def test_lists_are_compared_as_a_whole_or_like_the_harness_by_the_first_element():
    with Verifier(Settings()) as whole, Verifier(Settings(lists="first")) as first:
        for gold, answer in itertools.product(LISTS, LISTS):
            problem = {"reference": gold}
            assert (next(iter(whole.verify(problem, [answer]))).outcome == "correct") is (gold == answer)
            (verdict,) = first.verify(problem, [answer])
            assert (verdict.outcome == "correct") is harness.is_equiv(answer, gold), (answer, gold)


@pytest.mark.parametrize(
    "written",
    [
        *("$42$", "$$42$$", "$$ 42 $$", "$$42.$$", "$$42$$ cm", "$$x = 42$$", r"$$\boxed{42}$$", r"\(42\)", r"\[42\]"),
        *("**42**", "**42.**", "**42** cm", "**$42$**", "**$$42$$**", r"**\(42\)**", "$**42**$", "**x = 42**"),
        *("42°", "$42°$", "**42°**", r"$42^\circ$"),
    ],
)
def test_markup_around_an_answer_is_ignored(written):
    with Verifier(Settings()) as judge:
        answer = judge.extract(f"Final Answer: The final answer is {written}. I hope it is correct.")
        (verdict,) = judge.verify({"reference": "42"}, [answer])
        (other,) = judge.verify({"reference": "43"}, [answer])
    assert (verdict.outcome, other.outcome) == ("correct", "wrong")


@pytest.mark.parametrize("gold", ["74°", "$$74$$", "**74**", r"\boxed{74°}"])
def test_markup_around_a_gold_answer_is_ignored(gold):
    assert [verdict.outcome for verdict in verdicts(gold, [sample("$74$"), sample("74°"), sample("75°")])] == [
        *("correct", "correct", "wrong")
    ]


def test_the_answer_as_written_is_kept_for_the_second_opinion():
    with Verifier(Settings()) as judge:
        assert judge.extract(sample("**42°**")) == "**42°**"


@pytest.mark.parametrize("power", ["2**3**2", "x**2", "(x)**2**3", r"\sqrt{2}**2**3"])
def test_stars_within_an_expression_are_a_power(power):
    assert without_markup(power) == power


@pytest.mark.parametrize("piece", ["**", "**a", " **a", "$", "a**", "°"])
def test_megabytes_of_markup_are_removed_quickly(piece):
    start = time.process_time()
    without_markup(piece * (1_000_000 // len(piece)))
    assert time.process_time() - start < 3


@pytest.mark.slow
def test_verdicts_on_gold_answers_to_other_problems_agree_with_the_harness(shared_data):
    """Neighbouring answers in the file; most comparisons reach sympy."""
    with open(shared_data / "subsets" / "math_test_index.csv") as file:
        answers = [normalised(row["answer"]) for row in csv.DictReader(file)][::10]
    with Verifier(Settings(lists="first")) as judge:
        for gold, answer in itertools.pairwise(answers):
            (verdict,) = judge.verify({"reference": gold}, [answer])
            if "," not in gold + answer:  # the harness compares only the first element of lists
                assert (verdict.outcome == "correct") is harness.is_equiv(answer, gold), (answer, gold)
