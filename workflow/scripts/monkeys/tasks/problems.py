"""Build the problems file of a task from a dataset of the Hugging Face hub or a local folder in the hub's layout."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq

from monkeys import verification
from monkeys.storage import digest, replacing
from monkeys.tasks.prompts import compile_template


def load_rows(dataset: str, subset: str | None, split: str, revision: str | None) -> list[dict[str, Any]]:
    """All rows of one split, in the dataset's order.

    Args:
        dataset: Hub id, or a folder that `datasets.load_dataset` understands.
        subset: The dataset's configuration name, if it has several.
        split: Name of the split.
        revision: Commit of the hub id; None for a folder.
    """
    import datasets

    return datasets.load_dataset(dataset, subset, split=split, revision=revision).to_list()


def choose(ids: list[str], problems: str | int | list[str], seed: int) -> list[int]:
    """Positions of the chosen problems, ascending.

    Args:
        ids: All ids of the split.
        problems: `all`, a number (a random subset of that size), or a list of ids.
        seed: Of the random subset.

    Raises:
        ValueError: more problems than there are, or an id that is not in the dataset.
    """
    if problems == "all":
        return list(range(len(ids)))
    if isinstance(problems, int):
        if problems > len(ids):
            raise ValueError(f"problems: {problems} asked for, the dataset has {len(ids)}")
        return sorted(random.Random(seed).sample(range(len(ids)), problems))
    assert isinstance(problems, list)
    unknown = sorted(set(problems) - set(ids))
    if unknown:
        raise ValueError(f"problems: not in the dataset: {', '.join(unknown[:10])}; its ids look like {ids[0]!r}")
    wanted = set(problems)
    return [position for position, name in enumerate(ids) if name in wanted]


def build_prompts(rows: list[dict[str, Any]], task: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """The chosen problems: problem_id, source_index, prompt.

    Args:
        rows: All rows of the split.
        task: The task's config: columns, prompt, problems.
        seed: The study's seed, for a random subset.

    Raises:
        ValueError: a column that is not there, ids that are not unique, no rows.
    """
    if not rows:
        raise ValueError("the dataset has no rows")
    name = task["columns"]["id"]
    _need_columns(rows[0], [name])
    ids = [str(position) if name is None else str(row[name]) for position, row in enumerate(rows)]
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise ValueError(f"columns.id: {name} is not unique: {', '.join(twice[:10])}")
    prompt = _template(task["prompt"])
    return [
        {"problem_id": ids[position], "source_index": position, "prompt": prompt(rows[position])}
        for position in choose(ids, task["problems"], seed)
    ]


def build_problems(rows: list[dict[str, Any]], task: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """The rows of a problems file: problem_id, source_index, prompt, question, reference.

    Args:
        rows: All rows of the split.
        task: The task's config: columns, prompt, question, reference, problems, verifier.
        seed: The study's seed, for a random subset.

    Raises:
        ValueError: a column that is not there, ids that are not unique, no rows, a reference of which the verifier
            can make nothing.
    """
    prompts = build_prompts(rows, task, seed)
    _need_columns(rows[0], [task["columns"]["reference"]])
    question, reference = _template(task["question"] or task["prompt"]), _reference(task)
    problems = []
    for prompt in prompts:
        row = rows[prompt["source_index"]]
        problem = {**prompt, "question": question(row), "reference": reference(row)}
        if task["verifier"] is not None:
            verification.check(task["verifier"], problem)
        problems.append(problem)
    return problems


def _need_columns(row: dict[str, Any], names: Iterable[str | None]) -> None:
    missing = [name for name in names if name is not None and name not in row]
    if missing:
        raise ValueError(f"columns: no column {', '.join(missing)}; the dataset has {', '.join(row)}")


def _template(text: str) -> Callable[[dict[str, Any]], str]:
    """How a text is made of a row."""
    template = compile_template(text)

    def render(row: dict[str, Any]) -> str:
        try:
            return template.render(row)
        except jinja2.UndefinedError as error:
            raise ValueError(f"a template: {error}; the dataset has the columns {', '.join(row)}") from None

    return render


def _reference(task: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """How the reference is made of a row: a column as it is, a template, or several templates."""
    column, template = task["columns"]["reference"], task["reference"]
    if column is not None:
        return lambda row: row[column]
    if isinstance(template, str):
        return _template(template)
    parts = {name: _template(part) for name, part in (template or {}).items()}
    return lambda row: {name: part(row) for name, part in parts.items()}


def write_problems(path: str, problems: list[dict[str, Any]]) -> None:
    """Write a problems file, or one of prompts."""
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(problems), temporary, compression="zstd")


def digest_of(problems: list[dict[str, Any]], column: str) -> str:
    """SHA-256 of a column, such as `prompt` or `reference`, with the problems' ids."""
    return digest([[problem["problem_id"], problem[column]] for problem in problems])
