"""Training examples of the demo's models, none of them held out, and the rows of the demo's datasets."""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from monkeys.demo import arithmetic, programs
from monkeys.tasks.prompts import compile_template
from monkeys.tasks.task import Row

RESERVED_PER_LEVEL, RESERVED_LEVELS = 40, 8
"""Size of the held-out sets excluded from training; the demo's tasks are subsets of them."""

ARITHMETIC_SHAPE = (6, 5)
PROGRAMS_SHAPE = (5, 6)
"""Problems per level and levels of the demo's tasks."""

WEIGHTS = (3, 1)
"""Training weights of word problems and programs."""


@dataclass(frozen=True)
class Example:
    """A training example; the loss covers only the completion."""

    prompt: str
    completion: str


def training_examples(seed: int, stream: int, arithmetic_prompt: str, programs_prompt: str) -> Iterator[Example]:
    """Endless stream of examples of both tasks in random order.

    Args:
        seed: Seed of the held-out problems.
        stream: Different numbers give independent streams.
        arithmetic_prompt: The study's prompt template (Jinja2 over `question`).
        programs_prompt: The study's prompt template (Jinja2 over `specification`).
    """
    questions = {p.question for p in arithmetic.held_out_set(seed, RESERVED_PER_LEVEL, RESERVED_LEVELS)}
    specifications = {p.specification for p in programs.held_out_set(seed, RESERVED_PER_LEVEL, RESERVED_LEVELS)}
    ask, specify = compile_template(arithmetic_prompt), compile_template(programs_prompt)
    sources = [
        (Example(ask.render(asdict(p)), p.answer) for p in arithmetic.training_set(stream, questions)),
        (Example(specify.render(asdict(p)), p.solution) for p in programs.training_set(stream, specifications)),
    ]
    rng = random.Random(f"mixture {stream}")
    while True:
        (source,) = rng.choices(sources, WEIGHTS)
        yield next(source)


def demo_rows(task: str, seed: int) -> list[Row]:
    """The rows of a demo task's dataset; `level` is the number of steps or operations.

    Args:
        task: `arithmetic` or `programs`.
        seed: Seed of the held-out problems.
    """
    rows: list[Row] = []
    if task == "arithmetic":
        for problem in arithmetic.held_out_set(seed, *ARITHMETIC_SHAPE):
            rows.append({"question": problem.question, "answer": problem.answer, "level": problem.steps})
    else:
        for program in programs.held_out_set(seed, *PROGRAMS_SHAPE):
            rows.append(
                {
                    "specification": program.specification,
                    "solution": program.solution,
                    "tests": [asdict(case) for case in programs.test_cases(program, seed)],
                    "level": program.operations,
                }
            )
    return [{"id": f"{task}-{number:02}"} | row for number, row in enumerate(rows)]
