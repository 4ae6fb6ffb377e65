"""Guessing as a baseline: the most frequent answers of a training split, tried one after the other."""

from collections import Counter
from collections.abc import Iterable, Iterator

from monkeys import tasks, verification
from monkeys.study.task import Task as TaskSettings
from monkeys.tasks.problems import reference_of
from monkeys.tasks.rows import Reader
from monkeys.tasks.task import Row


def guess_ranks(problems: Iterable[Row], task: TaskSettings, read: Reader) -> Iterator[tuple[str, int | None]]:
    """Rank of each problem's answer among those of the training split, by frequency (Yona et al. 2024, section 3).

    Answers are equal if their canonical forms are, so a guess in another form than the answer's is missed. Equally
    frequent answers are ordered by their text.

    Args:
        problems: Rows of a problems file.
        task: The task's config.
        read: Returns the rows of the training split as `problems`.

    Yields:
        Id of a problem and the rank, from 1; None if no training problem has its answer.

    Raises:
        ValueError: the verifier does not compare answers, or the training split has none.
    """
    if task.verifier is None or not (verifier := verification.load(task.verifier)).votes:
        raise ValueError(f"guesses: the verifier {task.verifier} does not compare answers; set it to null")
    reference = reference_of(task)

    def answer(row: Row) -> str | None:
        """Canonical form of a problem's answer; None if there is none."""
        try:
            gold = verifier.gold(row)
        except ValueError:  # a few training problems may lack an answer
            return None
        return None if gold is None else verifier.canonical(gold)

    rows = read("problems", tasks.load(task.base, task.options).columns)
    answers = (answer({"reference": reference(row, str(index))}) for index, row in enumerate(rows))
    counts = Counter(found for found in answers if found is not None)
    if not counts:
        raise ValueError(f"guesses: the split {task.guesses} has no answers that the verifier {task.verifier} can read")
    by_frequency = sorted(counts, key=lambda guess: (-counts[guess], guess))
    ranks = {guess: rank for rank, guess in enumerate(by_frequency, 1)}
    for problem in problems:
        yield problem["problem_id"], ranks.get(answer(problem) or "")
