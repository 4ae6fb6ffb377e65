"""Build the prompts and the problems of a task."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq

from monkeys import tasks, verification
from monkeys.hub import NotAvailable
from monkeys.storage import PARQUET_OPTIONS, PROVENANCE_KEY, Provenance, canonical, digest, replacing
from monkeys.study.task import Task as TaskSettings
from monkeys.tasks.draws import choose, draw
from monkeys.tasks.prompts import compile_template
from monkeys.tasks.rows import Reader
from monkeys.tasks.task import Row, Task

LIMITS: dict[str, tuple[float, float | None, str]] = {
    "cpu_seconds": (0.01, 3600, ""),
    "memory_mb": (64, None, ", the task's limits.memory_mb"),
}
"""Limits that a problem may set: minimum, maximum (None: the task's limit), and a note on the maximum for messages."""


@contextmanager
def naming_task(task: str) -> Iterator[None]:
    """Prefix errors with the task, and with the config key if they name one."""
    try:
        yield
    except (ValueError, NotAvailable) as error:
        key = "." if re.match(r"[a-z_.]+: ", str(error)) else ": "
        kind = ValueError if isinstance(error, ValueError) else NotAvailable
        raise kind(f"tasks.{task}{key}{error}") from error


def build_prompts(task: TaskSettings, read: Reader, other_ids: bool = False) -> list[Row]:
    """Chosen problems with problem_id, source_index (row in the split) and prompt.

    Args:
        task: The task's config.
        read: Returns the rows of its problems and of its examples.
        other_ids: Whether the study has outcomes on the task, whose problems may be missing in the dataset.

    Raises:
        ValueError: a missing column, duplicate ids, no rows, missing examples, or flagged problems that are not in the
            dataset.
    """
    kind = tasks.load(task.base, task.options)
    problems = list(kind.problems(read("problems", kind.columns)))
    if not problems:
        raise ValueError(f"dataset: split {task.split} has no problems")
    name = task.columns.id
    _check_columns(problems[0][1], {"id": name})
    ids = [str(index if name is None else row[name]) for index, row in problems]
    for doubt, flagged in task.flagged.model_dump().items():
        if not other_ids and (unknown := sorted(set(flagged) - set(ids))):
            raise ValueError(f"flagged.{doubt}: not in the dataset: {', '.join(unknown)}")
    fixed = _fixed_examples(kind, task, read)
    pool = [] if fixed is not None else _example_pool(kind, read)
    order, drawn = draw(
        len(problems), len(pool), 0 if fixed is not None else task.few_shot, task.problem_seed, kind.random_steps
    )
    prompt = _template("prompt", task.prompt or "")
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
        for position in choose(ids, task.problems, order)
    ]


def _fixed_examples(kind: Task, task: TaskSettings, read: Reader) -> list[Row] | None:
    """Examples that all prompts show; None if each problem has its own."""
    wanted = task.few_shot
    if not wanted:
        return []
    fixed = kind.fixed_examples(task.examples.file)
    if task.examples.ids is not None:
        name, ids = task.columns.id, task.examples.ids
        rows = {str(index if name is None else row[name]): row for index, row in enumerate(_example_pool(kind, read))}
        if missing := [one for one in ids if one not in rows]:
            raise ValueError(f"examples.ids: not in the dataset: {', '.join(missing)}")
        fixed = [rows[one] for one in ids]
    if fixed is not None and len(fixed) < wanted:
        raise ValueError(f"few_shot: {wanted} examples requested, but there are only {len(fixed)}")
    return fixed and fixed[:wanted]


def _example_pool(kind: Task, read: Reader) -> list[Row]:
    """All rows that can serve as worked examples."""
    found = (kind.example(row) for row in read("examples", kind.example_columns))
    return [example for example in found if example is not None]


def build_problems(prompts: Iterable[Row], task: TaskSettings, read: Reader) -> list[Row]:
    """Rows of a problems file: problem_id, source_index, prompt, question, reference, and own limits if any.

    Args:
        prompts: The chosen problems, from `build_prompts`.
        task: The task's config.
        read: Returns the rows of its problems.

    Raises:
        ValueError: a missing column, a reference that the verifier cannot use, or an invalid limit.
    """
    kind = tasks.load(task.base, task.options)
    chosen = {prompt["source_index"]: prompt for prompt in prompts}
    question, reference = _template("question", task.question or task.prompt or ""), reference_of(task)
    limits = {limit: column for limit in LIMITS if (column := getattr(task.columns, limit)) is not None}
    problems = []
    for index, row in kind.problems(read("problems", kind.columns)):
        if index in chosen:
            _check_columns(row, {"reference": task.columns.reference, **limits})
            name = chosen[index]["problem_id"]
            texts = {"question": question(row | {"examples": []}, name), "reference": reference(row, name)}
            problem = {**chosen[index], **texts}
            for limit, column in limits.items():
                problem[limit] = _limit(limit, row[column], f"problem {problem['problem_id']}, column {column}", task)
            if task.verifier is not None:
                verification.check(task.verifier, problem)
            problems.append(problem)
    return problems


def _limit(limit: str, value: Any, where: str, task: TaskSettings) -> Any:
    """A problem's own limit; None if it has none. It may not exceed what the job was given."""
    if value is None or value == 0:
        return None
    low, high, reason = LIMITS[limit]
    high = high or getattr(task.limits, limit)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{where}: {value!r} is not a valid {limit}; it must be a number from {low} to {high}{reason}")
    return int(value) if limit == "memory_mb" else value


def known_solutions(problems: Iterable[Row], task: TaskSettings, read: Reader) -> Iterator[Row]:
    """Known correct solutions as rows of a samples file, with null for what only sampling provides.

    Args:
        problems: Rows with problem_id and source_index.
        task: The task's config.
        read: Returns the rows of its problems.
    """
    kind = tasks.load(task.base, task.options)
    names = {problem["source_index"]: problem["problem_id"] for problem in problems}
    for index, row in enumerate(read("problems", kind.solution_columns)):
        if index in names:
            for number, text in enumerate(kind.solutions(row)):
                yield {"problem_id": names[index], "sample": number, "text": text}


def _check_columns(row: Row, columns: Mapping[str, str | None]) -> None:
    """Check that the dataset has the columns that the config names, by key."""
    for key, name in columns.items():
        if name is not None and name not in row:
            raise ValueError(f"columns.{key}: no column {name}; the dataset has {', '.join(row)}")


def _template(key: str, text: str) -> Callable[[Row, str], str]:
    """Function that renders a template for a row; its errors name the template's key and the problem."""
    template = compile_template(text)

    def render(row: Row, problem: str) -> str:
        try:
            return template.render(row)
        except jinja2.UndefinedError as error:
            available = ", ".join(name for name in row if name != "examples")
            raise ValueError(f"{key}: {error}; the dataset has the columns {available}") from None
        except (jinja2.TemplateRuntimeError, ValueError, TypeError, ArithmeticError, LookupError) as error:
            raise ValueError(f"{key}: problem {problem}: {error}") from None

    return render


def reference_of(task: TaskSettings) -> Callable[[Row, str], Any]:
    """Function that makes a row's reference from a column (numbers become text), a template or several templates."""
    column, template = task.columns.reference, task.reference
    if column is not None:

        def from_column(row: Row, problem: str) -> Any:
            value = row[column]
            if value is None and task.verifier is not None:
                raise ValueError(f"columns.reference: problem {problem} has no value in column {column}")
            return str(value) if type(value) in (int, float) else value

        return from_column
    if isinstance(template, str):
        return _template("reference", template)
    parts = {name: _template(f"reference.{name}", part) for name, part in (template or {}).items()}
    return lambda row, problem: {name: part(row, problem) for name, part in parts.items()}


def write_problems(path: str, problems: list[Row], provenance: Provenance) -> None:
    """Write a problems or prompts file with its provenance in the metadata."""
    table = pa.Table.from_pylist(problems).replace_schema_metadata({PROVENANCE_KEY: canonical(provenance)})
    with replacing(path) as temporary:
        # small row groups, since the test cases of a problem may have a hundred megabytes
        pq.write_table(table, temporary, row_group_size=16, **PARQUET_OPTIONS)


def digest_of(problems: list[Row], *columns: str) -> str:
    """SHA-256 of the problems' ids and some columns, such as `prompt`; missing columns are left out."""
    keys = ("problem_id", *columns)
    return digest([[problem[key] for key in keys if key in problem] for problem in problems])
