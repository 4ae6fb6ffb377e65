"""Which problems are taken, and which worked examples their prompts show.

The order of draws is that of the paper's released code, so that a seed of 0 gives the published subsets: for every
problem of the split, in order, its examples; then the problems are shuffled, and the first ones taken. The problems do
not depend on how many examples are shown.
"""

import random
from collections import Counter
from collections.abc import Sequence

ProblemsWanted = str | int | Sequence[str]
"""`all`, a number, or a list of ids."""


def draw(
    problems: int, pool: int, examples: int, seed: int, steps: tuple[int, int | None]
) -> tuple[list[int], list[list[int]]]:
    """An order of the problems, and the examples of each.

    Args:
        problems: How many problems there are.
        pool: How many examples there are.
        examples: How many are drawn for every problem.
        seed: Of all draws.
        steps: How far the random numbers move on with every problem, see `Task.random_steps`.

    Returns:
        Positions of problems in shuffled order; for every problem the positions of its examples.

    Raises:
        ValueError: more examples wanted than there are.
    """
    if examples > pool:
        raise ValueError(f"few_shot: {examples} examples asked for, there are {pool}")
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
        wanted: Which ones.
        order: A number of problems are the first ones in this order.

    Raises:
        ValueError: ids that are not unique, more problems than there are, or an id that is not there.
    """
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise ValueError(f"columns.id: it is not unique: {', '.join(twice[:10])}")
    if wanted == "all":
        return list(range(len(ids)))
    if isinstance(wanted, int):
        if wanted > len(ids):
            raise ValueError(f"problems: {wanted} asked for, the dataset has {len(ids)}")
        return sorted(order[:wanted])
    unknown = sorted(set(wanted) - set(ids))
    if unknown:
        raise ValueError(f"problems: not in the dataset: {', '.join(unknown[:10])}; its ids look like {ids[0]!r}")
    return [position for position, name in enumerate(ids) if name in set(wanted)]
