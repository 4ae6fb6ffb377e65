"""How far two judges of the same samples agree, and where they do not."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from monkeys import verification
from monkeys.storage import read_provenance, read_rows, read_table

LOW = 0.95
"""An agreement below this is more likely a mistake in the study's config than a matter of taste."""

EXAMPLES = 3
"""How many answers a table shows of those that the judges disagree on, the most frequent first."""

COLUMNS = ["both_correct", "first_only", "second_only", "neither"]


@dataclass(frozen=True)
class Judged:
    """Samples of one shard with what two judges say of them."""

    task: str
    model: str
    first: str
    """Name of the first judge."""
    second: str
    outcomes: pd.DataFrame
    """Columns problem_id, answer, first, second (outcomes)."""


def with_published(ours: Iterable[str], published: Iterable[str]) -> Iterator[Judged]:
    """Verdicts of ours beside those that came with the samples.

    Args:
        ours: Our verdicts files.
        published: Those of the same shards, in the same order.

    Raises:
        ValueError: two files are not of the same samples.
    """
    for mine, theirs in zip(ours, published, strict=True):
        keys = ["problem_id", "sample"]
        left = read_table(mine, [*keys, "answer", "outcome"]).to_pandas()
        right = read_table(theirs, [*keys, "outcome"]).to_pandas()
        if not left[keys].astype(str).equals(right[keys].astype(str)):
            raise ValueError(f"{mine} and {theirs} are not of the same samples; delete them and run again")
        source = read_provenance(theirs)
        left = left.rename(columns={"outcome": "first"}).assign(second=right["outcome"])
        yield Judged(source["task"], source["model"], read_provenance(mine)["verifier"], "published", left)


def with_second_opinion(verdicts: Iterable[str]) -> Iterator[Judged]:
    """Verdicts beside the second opinions in the same files."""
    for path in verdicts:
        made = read_provenance(path)
        second = verification.load(made["verifier"]).second_grader
        frame = read_table(path, ["problem_id", "answer", "outcome", "second_opinion"]).to_pandas()
        names = {"outcome": "first", "second_opinion": "second"}
        source = made["samples"]
        yield Judged(source["task"], source["model"], made["verifier"], str(second), frame.rename(columns=names))


def read_golds(verifiers: Mapping[str, str], problems: Iterable[str]) -> dict[str, dict[str, str]]:
    """The right answers by task and problem, as far as the verifiers know any.

    Args:
        verifiers: The verifier of each task.
        problems: The tasks' problems files, in the same order.
    """
    golds = {}
    for (task, verifier), path in zip(verifiers.items(), problems, strict=True):
        gold = verification.load(verifier).gold
        golds[task] = {row["problem_id"]: answer for row in read_rows(path) if (answer := gold(row)) is not None}
    return golds


def agreement(shards: Iterable[Judged], golds: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Samples by who calls them correct, a row per task and model.

    Args:
        shards: The judged samples.
        golds: Right answers by task and problem, for the examples.

    Returns:
        Columns task, model, first, second (the judges), samples, `COLUMNS` (numbers of samples), agreement (the share
        on which both say the same) and examples (answers on which they do not). Samples that a judge failed on are
        left out.
    """
    cells: dict[tuple[str, str, str, str], Counter[str]] = {}
    disputed: dict[tuple[str, str, str, str], Counter[tuple[str, str | None, str]]] = {}
    for shard in shards:
        key = shard.task, shard.model, shard.first, shard.second
        frame = shard.outcomes
        frame = frame[(frame["first"] != "verifier_error") & (frame["second"] != "verifier_error")]
        one, other = frame["first"] == "correct", frame["second"] == "correct"
        counts = (one & other).sum(), (one & ~other).sum(), (~one & other).sum(), (~one & ~other).sum()
        cells.setdefault(key, Counter()).update(dict(zip(COLUMNS, map(int, counts), strict=True)))
        apart = frame[one != other]
        judge = one[one != other].map({True: shard.first, False: shard.second})
        disputed.setdefault(key, Counter()).update(
            zip(apart["problem_id"].astype(str), apart["answer"], judge, strict=True)
        )
    rows = []
    for key, counted in cells.items():
        samples = counted.total()
        rows.append(
            dict(zip(("task", "model", "first", "second"), key, strict=True))
            | {"samples": samples, **{column: counted[column] for column in COLUMNS}}
            | {"agreement": (counted["both_correct"] + counted["neither"]) / samples}
            | {"examples": "; ".join(_examples(disputed[key], golds.get(key[0], {})))}
        )
    return pd.DataFrame(rows)


def _examples(disputed: Counter[tuple[str, str | None, str]], golds: Mapping[str, str]) -> Iterator[str]:
    """The most frequent answers on which the judges differ, in words."""
    order = sorted(disputed.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or ""))
    for (problem, answer, judge), samples in order[:EXAMPLES]:
        said = "a sample" if answer is None else f"`{answer[:100]}`"
        gold = f" for `{golds[problem][:100]}`" if problem in golds else ""
        yield f"{said}{gold} (problem {problem}, {samples} ×) is correct for {judge} alone"
