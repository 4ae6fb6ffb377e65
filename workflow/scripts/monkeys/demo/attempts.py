"""What the demo's reward model learns from: its language models' attempts at problems, judged by the verifiers."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from monkeys import verification
from monkeys.demo import arithmetic, programs
from monkeys.demo.examples import RESERVED_LEVELS, RESERVED_PER_LEVEL
from monkeys.sampling.shard import Shard, open_shard
from monkeys.sampling.vllm import sample
from monkeys.storage import read_rows
from monkeys.tasks.prompts import compile_template
from monkeys.verification import Settings, Verifier

WORD_PROBLEMS = 1500
PROGRAM_LEVELS, PROGRAMS_PER_LEVEL = 6, 125
"""Exercises of each kind: 1,500 word problems, 750 programs."""

ATTEMPTS = 4
"""Samples of every exercise from every model."""

SAMPLING = {
    **{"temperature": 0.8, "top_p": 1.0, "top_k": 0, "min_p": 0.0},
    **{"max_tokens": 128, "stop": [], "include_stop": False},
}


@dataclass(frozen=True)
class Exercise:
    """A problem with its solution, of the demo's kind but not one of its own."""

    verifier: str
    prompt: str
    reference: Any
    solution: str


@dataclass(frozen=True)
class Attempts:
    """Samples of one problem, none of them empty, with their verdicts; and a solution."""

    prompt: str
    solution: str
    samples: list[str]
    correct: list[bool]


def exercises(seed: int, arithmetic_prompt: str, programs_prompt: str) -> list[Exercise]:
    """Problems with their solutions, none of the held-out ones among them.

    Word problems are as in training, mostly easy: in harder ones a model errs where none of them knows better, which
    teaches a judge nothing. Programs are of all levels.

    Args:
        seed: The seed that the held-out problems are drawn with.
        arithmetic_prompt: The study's prompt template (Jinja2 over `question`).
        programs_prompt: The study's prompt template (Jinja2 over `specification`).
    """
    ask, specify = compile_template(arithmetic_prompt), compile_template(programs_prompt)
    questions = {p.question for p in arithmetic.held_out_set(seed, RESERVED_PER_LEVEL, RESERVED_LEVELS)}
    specifications = {p.specification for p in programs.held_out_set(seed, RESERVED_PER_LEVEL, RESERVED_LEVELS)}
    word_problems = [
        Exercise("gsm8k", ask.render(asdict(p)), p.answer, p.answer)
        for p in islice(arithmetic.training_set(3, questions), WORD_PROBLEMS)
    ]
    return word_problems + [
        Exercise("programs", specify.render(asdict(p)), [asdict(c) for c in programs.test_cases(p, seed)], p.solution)
        for p in programs.held_out_set(seed + 1, PROGRAMS_PER_LEVEL, PROGRAM_LEVELS)
        if p.specification not in specifications
    ]


def drawn(tasks: list[Exercise], name: str, model: dict[str, Any], seed: int, folder: Path) -> list[list[str]]:
    """One model's samples of every exercise, drawn as a study draws them.

    Args:
        tasks: The exercises.
        name: The model's.
        model: Its config.
        seed: A study's.
        folder: Where journal and samples may lie.
    """
    shard = Shard("exercises", seed, "exercises", name, index=0, size=ATTEMPTS, model_settings={"sampling": SAMPLING})
    prompts = {str(number): exercise.prompt for number, exercise in enumerate(tasks)}
    path = folder / f"{name}.parquet"
    with open_shard(shard, prompts, str(folder / f"{name}.jsonl"), str(path)) as progress:
        sample(progress, model, SAMPLING)
    texts: list[list[str]] = [[] for _ in tasks]
    for row in read_rows(path, ["problem_id", "text"]):
        texts[int(row["problem_id"])].append(row["text"])
    return texts


def judged(tasks: list[Exercise], samples: Iterable[list[str]], settings: Settings) -> list[Attempts]:
    """The samples of every exercise with the verdicts on them.

    Args:
        tasks: The exercises.
        samples: Those of each, of all models together.
        settings: How they are verified.
    """
    with ExitStack() as stack:
        judges = {
            name: stack.enter_context(verification.load(name)(settings))
            for name in dict.fromkeys(exercise.verifier for exercise in tasks)
        }
        return [
            _judged(judges[exercise.verifier], str(number), exercise, [text for text in texts if text])
            for number, (exercise, texts) in enumerate(zip(tasks, samples, strict=True))
        ]


def _judged(judge: Verifier, name: str, exercise: Exercise, texts: list[str]) -> Attempts:
    problem = {"problem_id": name, "prompt": exercise.prompt, "reference": exercise.reference}
    answers = [judge.extract(text) for text in texts]
    distinct = sorted({answer for answer in answers if answer is not None})
    verdicts = zip(distinct, judge.verify(problem, distinct), strict=True)
    right = {answer for answer, verdict in verdicts if verdict.outcome == "correct"}
    return Attempts(exercise.prompt, exercise.solution, texts, [answer in right for answer in answers])
