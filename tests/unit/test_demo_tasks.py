import itertools
import json

import pytest

from monkeys.demo import arithmetic, programs
from monkeys.demo.examples import RESERVED_LEVELS, RESERVED_PER_LEVEL, demo_rows, training_examples
from monkeys.verification.verifiers import gsm8k


@pytest.mark.parametrize("task", ["arithmetic", "programs"])
def test_the_generator_reproduces_the_shipped_problems(root, task):
    shipped = (root / "resources/demo" / task / "test.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in shipped] == demo_rows(task, seed=0)


@pytest.mark.slow
def test_training_examples_never_contain_held_out_problems():
    examples = training_examples(0, 2, "{{ question }}", "{{ specification }}")
    seen = {example.prompt for example in itertools.islice(examples, 40_000)}
    held_out = {
        row.get("question", row.get("specification")) for t in ("arithmetic", "programs") for row in demo_rows(t, 0)
    }
    assert len(held_out) == 60
    assert not seen & held_out


@pytest.mark.slow
def test_training_would_contain_held_out_problems_without_the_exclusion():
    held_out = {p.specification for p in programs.held_out_set(0, RESERVED_PER_LEVEL, RESERVED_LEVELS)}
    seen = {p.specification for p in itertools.islice(programs.training_set(2, set()), 40_000)}
    assert seen & held_out


def test_the_demo_problems_are_among_the_reserved_ones():
    for module, shape in ((arithmetic, (6, 5)), (programs, (5, 6))):
        reserved = module.held_out_set(0, RESERVED_PER_LEVEL, RESERVED_LEVELS)
        assert set(module.held_out_set(0, *shape)) <= set(reserved)


@pytest.mark.slow
def test_streams_of_training_examples_are_deterministic_and_distinct():
    def first(stream):
        return list(itertools.islice(training_examples(0, stream, "{{ question }}", "{{ specification }}"), 50))

    assert first(2) == first(2) != first(3)


def test_every_calculation_of_a_solution_is_correct_and_leads_to_its_answer():
    problems = itertools.islice(arithmetic.training_set(0, set()), 2000)
    for problem in problems:
        *calculations, last = problem.answer.split("\n")
        for line in calculations:
            expression, result = line.split("=")
            assert eval(expression) == int(result)
            assert int(result) > 0
        assert last == f"#### {calculations[-1].split('=')[1]}"
        assert gsm8k.answer_in(problem.answer) == last.removeprefix("#### ")


def test_arithmetic_levels_are_step_counts():
    levels = [row["level"] for row in demo_rows("arithmetic", 0)]
    assert levels == sorted(levels)
    assert set(levels) == {1, 2, 3, 4, 5}


def test_test_cases_of_a_program_have_at_least_three_distinct_outputs():
    for row in demo_rows("programs", 0):
        assert len({case["output"] for case in row["tests"]}) > 2
