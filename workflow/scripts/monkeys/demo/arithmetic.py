"""Word problems of one to six steps, answered in GSM8K's form (`… #### 42`).

Difficulty grows with the number of steps and the size of the numbers: a small model that gets each step right with
probability q solves a problem of s steps with probability about q^s, so one test set spans several orders of magnitude
of single-sample success.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

NAMES = {
    "he": ["Tom", "Ben", "Sam", "Max", "Leo", "Ali", "Ivan", "Omar"],
    "she": ["Ann", "Eva", "Mia", "Zoe", "Lucy", "Nina", "Rosa", "Yuki"],
}
ITEMS = ["pens", "apples", "books", "coins", "stamps", "shells", "cards", "eggs", "nuts", "figs", "keys", "cups"]

SIZES = (20, 100, 1000)
"""Upper bounds of the numbers in easy, medium and hard problems."""

TRAIN_STEPS = (0.30, 0.25, 0.18, 0.12, 0.09, 0.06)
TRAIN_SIZES = (0.45, 0.35, 0.20)
"""Training weights of 1…6 steps and of the three sizes; hard problems are rare in training too."""


@dataclass(frozen=True)
class WordProblem:
    """A problem; `answer` has one line per calculation and ends in `#### <integer>`."""

    question: str
    answer: str
    steps: int


def _step(rng: random.Random, value: int, size: int) -> tuple[str, list[str], int]:
    """One sentence about the running value: (sentence without its subject, calculations, new value)."""
    kinds = ["add", "sub", "boxes"]
    if value * 9 < 10 * size:
        kinds.append("times")
    divisors = [k for k in range(2, 10) if value % k == 0 and value > k]
    if divisors:
        kinds.append("share")
    match rng.choice(kinds):
        case "sub" if value > 1:
            b = rng.randrange(1, min(value, size))
            verb = rng.choice(["loses", "sells", "gives away"])
            return f"{verb} {b}.", [f"{value}-{b}={value - b}"], value - b
        case "times":
            k = rng.randrange(2, 10)
            return f"then has {k} times as many.", [f"{value}*{k}={value * k}"], value * k
        case "share":
            k = rng.choice(divisors)
            return f"keeps one of {k} equal shares.", [f"{value}/{k}={value // k}"], value // k
        case "boxes":
            m, k = rng.randrange(2, 10), rng.randrange(2, max(4, size // 10))
            total = m * k
            return (
                f"buys {m} boxes of {k}.",
                [f"{m}*{k}={total}", f"{value}+{total}={value + total}"],
                value + total,
            )
        case _:
            b = rng.randrange(1, size)
            verb = rng.choice(["finds", "buys", "is given"])
            return f"{verb} {b} more.", [f"{value}+{b}={value + b}"], value + b


def word_problem(rng: random.Random, steps: int, size: int) -> WordProblem:
    """A random problem of `steps` sentences after the first, with numbers below about `size`."""
    pronoun = rng.choice(sorted(NAMES))
    name, items = rng.choice(NAMES[pronoun]), rng.choice(ITEMS)
    value = rng.randrange(2, size)
    sentences = [f"{name} has {value} {items}."]
    calculations: list[str] = []
    for _ in range(steps):
        sentence, lines, value = _step(rng, value, size)
        sentences.append(f"{pronoun.capitalize()} {sentence}")
        calculations += lines
    sentences.append(f"How many {items} does {name} have?")
    return WordProblem(" ".join(sentences), "\n".join([*calculations, f"#### {value}"]), steps)


def held_out_set(seed: int, per_level: int, levels: int) -> list[WordProblem]:
    """`per_level` problems for each number of steps 1…`levels`, cycling through easy, medium and hard.

    A set with more problems per level, or more levels, contains the smaller one.
    """
    problems: dict[str, WordProblem] = {}
    for steps in range(1, levels + 1):
        rng = random.Random(f"arithmetic held out {seed} {steps}")
        wanted = len(problems) + per_level
        while len(problems) < wanted:
            problem = word_problem(rng, steps, SIZES[(len(problems) - wanted + per_level) % len(SIZES)])
            problems.setdefault(problem.question, problem)
    return list(problems.values())


def training_set(seed: int, excluded: set[str]) -> Iterator[WordProblem]:
    """Endless stream of training problems, excluding the questions in `excluded`."""
    rng = random.Random(f"arithmetic train {seed}")
    while True:
        (steps,) = rng.choices(range(1, len(TRAIN_STEPS) + 1), TRAIN_STEPS)
        (size,) = rng.choices(SIZES, TRAIN_SIZES)
        problem = word_problem(rng, steps, size)
        if problem.question not in excluded:
            yield problem
