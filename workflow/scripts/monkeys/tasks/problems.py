"""Build the prompts of a task, and all else that is said of its problems."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq

from monkeys import tasks, verification
from monkeys.hub import NotAvailable
from monkeys.storage import PARQUET_OPTIONS, PROVENANCE_KEY, canonical, digest, replacing
from monkeys.tasks.draws import choose, draw
from monkeys.tasks.prompts import compile_template
from monkeys.tasks.rows import Reader
from monkeys.tasks.task import Row, Task

LIMITS: dict[str, tuple[float, float | None, str]] = {
    "cpu_seconds": (0.01, 3600, ""),
    "memory_mb": (64, None, ", the task's limits.memory_mb"),
}
"""Limits that a problem may have of its own: the least, the most (None: what the task allows), and what that is."""


@contextmanager
def naming_task(task: str) -> Iterator[None]:
    """Say which task a mistake is one of, by the key in the config where that is known."""
    try:
        yield
    except (ValueError, NotAvailable) as error:
        key = "." if re.match(r"[a-z_.]+: ", str(error)) else ": "
        kind = ValueError if isinstance(error, ValueError) else NotAvailable
        raise kind(f"tasks.{task}{key}{error}") from error


def build_prompts(task: dict[str, Any], read: Reader, other_ids: bool = False) -> list[dict[str, Any]]:
    """The chosen problems: problem_id, source_index (row in the split), prompt.

    Args:
        task: The task's config.
        read: Gives the rows of its problems and of its examples.
        other_ids: Whether there are outcomes on the task, whose problems the dataset may not have.

    Raises:
        ValueError: a column that is not there, ids that are not unique, no rows, examples that cannot be had, flagged
            problems that are not in the dataset.
    """
    kind = tasks.load(task["base"])
    problems = list(kind.problems(read("problems", kind.columns)))
    if not problems:
        raise ValueError(f"dataset: there are no problems in split {task['split']}")
    name = task["columns"]["id"]
    _need_columns(problems[0][1], {"id": name})
    ids = [str(index if name is None else row[name]) for index, row in problems]
    for doubt, flagged in task["flagged"].items():
        if not other_ids and (unknown := sorted(set(flagged) - set(ids))):
            raise ValueError(f"flagged.{doubt}: not in the dataset: {', '.join(unknown)}")
    fixed = _fixed_examples(kind, task, read)
    pool = [] if fixed is not None else _pool(kind, read)
    order, drawn = draw(
        len(problems), len(pool), 0 if fixed is not None else task["few_shot"], task["problem_seed"], kind.random_steps
    )
    prompt = _template("prompt", task["prompt"])
    return [
        {
            "problem_id": ids[position],
            "source_index": problems[position][0],
            "prompt": prompt(
                problems[position][1]
                | {"examples": fixed if fixed is not None else [pool[example] for example in drawn[position]]},
                ids[position],
            ),
        }
        for position in choose(ids, task["problems"], order)
    ]


def _fixed_examples(kind: Task, task: dict[str, Any], read: Reader) -> list[Row] | None:
    """The examples that all prompts show; None if every problem has its own."""
    wanted = task["few_shot"]
    if not wanted:
        return []
    fixed = kind.fixed_examples(task["examples"]["file"])
    if task["examples"]["ids"] is not None:
        name, ids = task["columns"]["id"], task["examples"]["ids"]
        rows = {str(index if name is None else row[name]): row for index, row in enumerate(_pool(kind, read))}
        if missing := [one for one in ids if one not in rows]:
            raise ValueError(f"examples.ids: not in the dataset: {', '.join(missing)}")
        fixed = [rows[one] for one in ids]
    if fixed is not None and len(fixed) < wanted:
        raise ValueError(f"few_shot: {wanted} examples asked for, there are {len(fixed)}")
    return fixed and fixed[:wanted]


def _pool(kind: Task, read: Reader) -> list[Row]:
    """All that may be shown as worked examples."""
    found = (kind.example(row) for row in read("examples", kind.example_columns))
    return [example for example in found if example is not None]


def build_problems(prompts: Iterable[dict[str, Any]], task: dict[str, Any], read: Reader) -> list[dict[str, Any]]:
    """The rows of a problems file: problem_id, source_index, prompt, question, reference, and limits if it has its own.

    Args:
        prompts: The chosen problems, as `build_prompts` gives them.
        task: The task's config.
        read: Gives the rows of its problems.

    Raises:
        ValueError: a column that is not there, a reference of which the verifier can make nothing, or a limit that is
            none.
    """
    kind = tasks.load(task["base"])
    chosen = {prompt["source_index"]: prompt for prompt in prompts}
    question, reference = _template("question", task["question"] or task["prompt"]), _reference(task)
    limits = {limit: column for limit in LIMITS if (column := task["columns"][limit]) is not None}
    problems = []
    for index, row in kind.problems(read("problems", kind.columns)):
        if index in chosen:
            _need_columns(row, {"reference": task["columns"]["reference"], **limits})
            name = chosen[index]["problem_id"]
            about = {"question": question(row | {"examples": []}, name), "reference": reference(row, name)}
            problem = {**chosen[index], **about}
            for limit, column in limits.items():
                problem[limit] = _limit(limit, row[column], f"problem {problem['problem_id']}, column {column}", task)
            if task["verifier"] is not None:
                verification.check(task["verifier"], problem)
            problems.append(problem)
    return problems


def _limit(limit: str, value: Any, where: str, task: dict[str, Any]) -> Any:
    """A problem's own limit; None where it has none. A dataset may not ask for more than the job was given."""
    if value is None or value == 0:
        return None
    low, high, why = LIMITS[limit]
    high = high or task["limits"][limit]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{where}: {value!r} is no {limit}; wanted is a number from {low} to {high}{why}")
    return int(value) if limit == "memory_mb" else value


def known_solutions(problems: Iterable[dict[str, Any]], task: dict[str, Any], read: Reader) -> Iterator[dict[str, Any]]:
    """Solutions that are known to be right, as rows of a samples file of which little is known.

    Args:
        problems: Rows with problem_id and source_index.
        task: The task's config.
        read: Gives the rows of its problems.
    """
    kind = tasks.load(task["base"])
    names = {problem["source_index"]: problem["problem_id"] for problem in problems}
    for index, row in enumerate(read("problems", kind.solution_columns)):
        if index in names:
            for number, text in enumerate(kind.solutions(row)):
                unknown = dict.fromkeys(("prompt_tokens", "tokens", "finish_reason", "logprob"))
                yield {"problem_id": names[index], "sample": number, "text": text, **unknown}


def _need_columns(row: Row, columns: Mapping[str, str | None]) -> None:
    """See that the columns are there that keys of the config name."""
    for key, name in columns.items():
        if name is not None and name not in row:
            raise ValueError(f"columns.{key}: no column {name}; the dataset has {', '.join(row)}")


def _template(key: str, text: str) -> Callable[[Row, str], str]:
    """How a text is made of a row, and what is said where it cannot be, of the template's key and the problem."""
    template = compile_template(text)

    def render(row: Row, problem: str) -> str:
        try:
            return template.render(row)
        except jinja2.UndefinedError as error:
            there = ", ".join(name for name in row if name != "examples")
            raise ValueError(f"{key}: {error}; the dataset has the columns {there}") from None
        except (jinja2.TemplateRuntimeError, ValueError, TypeError, ArithmeticError, LookupError) as error:
            raise ValueError(f"{key}: problem {problem}: {error}") from None

    return render


def _reference(task: dict[str, Any]) -> Callable[[Row, str], Any]:
    """How the reference is made of a row: a column, whose numbers become text, a template, or several templates."""
    column, template = task["columns"]["reference"], task["reference"]
    if column is not None:

        def of_column(row: Row, problem: str) -> Any:
            value = row[column]
            if value is None and task["verifier"] is not None:
                raise ValueError(f"columns.reference: problem {problem} has no value in column {column}")
            return str(value) if type(value) in (int, float) else value

        return of_column
    if isinstance(template, str):
        return _template("reference", template)
    parts = {name: _template(f"reference.{name}", part) for name, part in (template or {}).items()}
    return lambda row, problem: {name: part(row, problem) for name, part in parts.items()}


def write_problems(path: str, problems: list[dict[str, Any]], provenance: dict[str, Any]) -> None:
    """Write a problems file, or one of prompts, with where they come from in its metadata."""
    table = pa.Table.from_pylist(problems).replace_schema_metadata({PROVENANCE_KEY: canonical(provenance)})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, **PARQUET_OPTIONS)


def digest_of(problems: list[dict[str, Any]], *columns: str) -> str:
    """SHA-256 of some columns, such as `prompt`, with the problems' ids; columns that are not there do not count."""
    keys = ("problem_id", *columns)
    return digest([[problem[key] for key in keys if key in problem] for problem in problems])
