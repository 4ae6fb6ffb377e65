"""Random choice of problems and of the worked examples in their prompts.

Draws have the same order as in the paper's released code, so that seed 0 gives the published subsets: first the
examples of every problem of the split, in order; then the problems are shuffled and the first ones taken. The choice of
problems does not depend on the number of examples shown.
"""

import random
from collections import Counter
from collections.abc import Sequence

ProblemsWanted = str | int | Sequence[str]
"""`all`, a number, or a list of ids."""


def draw(
    problems: int, pool: int, examples: int, seed: int, steps: tuple[int, int | None]
) -> tuple[list[int], list[list[int]]]:
    """Draw an order of the problems and the examples of each.

    Args:
        problems: Number of problems.
        pool: Number of available examples.
        examples: Number of examples per problem.
        seed: Seed of all draws.
        steps: Draw that advances the random numbers after each problem, see `Task.random_steps`.

    Returns:
        Positions of the problems in shuffled order, and for every problem the positions of its examples.

    Raises:
        ValueError: too few examples are available.
    """
    if examples > pool:
        raise ValueError(f"few_shot: {examples} examples requested, but there are only {pool}")
    step, of = steps
    of = pool if of is None else of
    numbers = random.Random(seed)
    drawn = []
    for _ in range(problems):
        state = numbers.getstate()
        drawn.append(numbers.sample(range(pool), examples))
        numbers.setstate(state)
        numbers.sample(range(of), min(step, of))
    order = list(range(problems))
    numbers.shuffle(order)
    return order, drawn


def choose(ids: Sequence[str], wanted: ProblemsWanted, order: Sequence[int]) -> list[int]:
    """Positions of the chosen problems, ascending.

    Args:
        ids: The ids of all problems.
        wanted: `all`, a number, or ids.
        order: If `wanted` is a number, the first problems in this order are chosen.

    Raises:
        ValueError: ids are not unique or unknown, or too many problems are requested.
    """
    duplicates = [name for name, count in Counter(ids).items() if count > 1]
    if duplicates:
        raise ValueError(f"columns.id: ids are not unique: {', '.join(duplicates[:10])}")
    if wanted == "all":
        return list(range(len(ids)))
    if isinstance(wanted, int):
        if wanted > len(ids):
            raise ValueError(f"problems: {wanted} requested, but the dataset has only {len(ids)}")
        return sorted(order[:wanted])
    unknown = sorted(set(wanted) - set(ids))
    if unknown:
        raise ValueError(f"problems: not in the dataset: {', '.join(unknown[:10])}; its ids look like {ids[0]!r}")
    return [position for position, name in enumerate(ids) if name in set(wanted)]
