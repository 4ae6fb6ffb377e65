"""Training data of the demo's reward model: the language models' attempts at exercises, judged by the verifiers."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from monkeys import verification
from monkeys.demo import arithmetic, programs
from monkeys.demo.examples import RESERVED_LEVELS, RESERVED_PER_LEVEL
from monkeys.sampling.engines.vllm import sample
from monkeys.sampling.settings import Sampling
from monkeys.sampling.shard import Shard, open_shard
from monkeys.sampling.strategies import iid
from monkeys.storage import read_rows
from monkeys.study.study import SourcedModel
from monkeys.tasks.prompts import compile_template
from monkeys.verification import Settings, Verifier

WORD_PROBLEMS = 1500
PROGRAM_LEVELS, PROGRAMS_PER_LEVEL = 6, 125
"""Numbers of exercises: 1,500 word problems, 750 programs."""

ATTEMPTS = 4
"""Samples per exercise and model."""

SAMPLING = Sampling(temperature=0.8, max_tokens=128)


@dataclass(frozen=True)
class Exercise:
    """A problem with its solution, generated like the demo's problems but distinct from them."""

    verifier: str
    prompt: str
    reference: Any
    solution: str


@dataclass(frozen=True)
class Attempts:
    """Non-empty samples of one exercise with their verdicts, and a solution."""

    prompt: str
    solution: str
    samples: list[str]
    correct: list[bool]


def exercises(seed: int, arithmetic_prompt: str, programs_prompt: str) -> list[Exercise]:
    """Exercises outside the held-out sets.

    Word problems are mostly easy, as in training: in harder ones models make mistakes that none of them could
    recognise, which teach a judge nothing. Programs cover all levels.

    Args:
        seed: Seed of the held-out problems.
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


def draw_samples(exercises: list[Exercise], name: str, model: SourcedModel, seed: int, folder: Path) -> list[list[str]]:
    """One model's samples of every exercise, drawn as in a study.

    Args:
        exercises: The exercises.
        name: The model's name.
        model: The model's config.
        seed: The study seed.
        folder: Folder for the journal and the samples file.
    """
    settings = {"sampling": SAMPLING.distribution(iid.Strategy.version)}
    shard = Shard("exercises", seed, "exercises", name, index=0, size=ATTEMPTS, model_settings=settings)
    prompts = {str(number): exercise.prompt for number, exercise in enumerate(exercises)}
    path = folder / f"{name}.parquet"
    with open_shard(shard, prompts, str(folder / f"{name}.jsonl"), str(path)) as progress:
        sample(progress, model, SAMPLING, iid.Strategy())
    texts: list[list[str]] = [[] for _ in exercises]
    for row in read_rows(path, ["problem_id", "text"]):
        texts[int(row["problem_id"])].append(row["text"])
    return texts


def judge_samples(exercises: list[Exercise], samples: Iterable[list[str]], settings: Settings) -> list[Attempts]:
    """The samples of every exercise with their verdicts.

    Args:
        exercises: The exercises.
        samples: For each exercise, the samples of all models.
        settings: Verification settings.
    """
    with ExitStack() as stack:
        judges = {
            name: stack.enter_context(verification.load(name)(settings))
            for name in dict.fromkeys(exercise.verifier for exercise in exercises)
        }
        return [
            _judge(judges[exercise.verifier], str(number), exercise, [text for text in texts if text])
            for number, (exercise, texts) in enumerate(zip(exercises, samples, strict=True))
        ]


def _judge(judge: Verifier, name: str, exercise: Exercise, texts: list[str]) -> Attempts:
    problem = {"problem_id": name, "prompt": exercise.prompt, "reference": exercise.reference}
    answers = [judge.extract(text) for text in texts]
    distinct = sorted({answer for answer in answers if answer is not None})
    verdicts = zip(distinct, judge.verify(problem, distinct), strict=True)
    correct = {answer for answer, verdict in verdicts if verdict.outcome == "correct"}
    return Attempts(exercise.prompt, exercise.solution, texts, [answer in correct for answer in answers])
