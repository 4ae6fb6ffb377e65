"""Inputs that the functions of results request by argument name."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from monkeys import usage
from monkeys.reporting import pairs, registry
from monkeys.study import Study


@dataclass(frozen=True)
class Input:
    """An input: its files and how to read them."""

    files: Callable[[Study], list[str]]
    """Files to read it from, given the config."""
    read: Callable[[list[str], Any], Any]
    """Function that reads it, given the files and the setting."""
    setting: Callable[[Study], Any] = lambda _: None
    """Setting needed to read it, a JSON value, given the config."""
    ancient: bool = False
    """Whether the files only serve as explanation, so that newer ones trigger no rerun."""


class _Models(TypedDict):
    """The models of a study, for their looks."""

    models: list[str]
    families: dict[str, str]


def find(name: str) -> Input | None:
    """The input of this name; None if the name is not that of an input."""
    for ending, folder in (("_curves", "curves"), ("_table", "tables")):
        if name.endswith(ending):
            path = f"<results>/{folder}/{name.removesuffix(ending)}.csv"
            return Input(lambda _, path=path: [path], lambda files, _: _frame(files[0]))  # type: ignore[misc]
    return INPUTS.get(name)


def files_of(result: str, function: str, study: Study) -> dict[str, list[str]]:
    """Input files of a function of a result, by argument."""
    found = {name: source for name in registry.arguments(result, function) if (source := find(name)) is not None}
    return {name: files for name, source in found.items() if (files := source.files(study))}


def settings_of(result: str, function: str, study: Study) -> dict[str, object]:
    """Settings that a function of a result takes as arguments or needs to read its inputs; JSON values."""
    found = {name: find(name) for name in registry.arguments(result, function)}
    for_inputs = {name: source.setting(study) for name, source in found.items() if source is not None}
    return registry.settings(result, function, study) | {k: v for k, v in for_inputs.items() if v is not None}


def call(function: str, job: Any) -> Any:
    """Call a function of a result with its inputs and settings.

    Args:
        function: Name of the function, such as `draw`.
        job: The script's `snakemake` object: wildcard `result`, the inputs by argument, params `settings`
            and `missing`.

    Returns:
        The function's return value.

    Raises:
        SystemExit: the study does not have the result; the message gives the reason.
    """
    result = job.wildcards.result
    if (reason := job.params.missing) is not None:
        raise SystemExit(f"{result}: {reason}")
    settings = json.loads(job.params.settings)
    values = {}
    for name in registry.arguments(result, function):
        source = find(name)
        files = _list(job.input.get(name))
        values[name] = settings[name] if source is None else source.read(files, settings.get(name))
    return getattr(registry.load(result), function)(**values)


def _list(files: Any) -> list[str]:
    """Files of one argument as a list; for a single file, Snakemake passes a string."""
    return [files] if isinstance(files, str) else list(files or [])


def _frame(path: str) -> Any:
    import pandas as pd

    return pd.read_csv(path, dtype={"problem_id": str}, float_precision="round_trip")


def _concat(files: list[str], _: Any) -> Any:
    import pandas as pd

    return pd.concat(map(_frame, files), ignore_index=True) if files else None


def _tallies(files: list[str], _: Any) -> Any:
    from monkeys.analysis.tables import read_tallies

    return read_tallies(files)


def _looks(_: list[str], models: _Models) -> Any:
    from monkeys.reporting import style

    return style.assign_looks(**models)


def _facts(files: list[str], _: Any) -> Any:
    """Architecture of each model whose size is known."""
    from monkeys.analysis.cost import Architecture

    facts = {Path(path).stem: json.loads(Path(path).read_text()) for path in files}
    sizes = {model: [known.get(fact) for fact in pairs.SIZE_FACTS] for model, known in facts.items()}
    return {model: Architecture(*size) for model, size in sizes.items() if None not in size}


def _golds(files: list[str], verifiers: dict[str, str]) -> Any:
    from monkeys.analysis.agreement import read_golds

    return read_golds(verifiers, files)


def _graded(files: list[str], graded: list[list[str]]) -> Any:
    import pandas as pd

    found = zip(graded, files, strict=True)
    return {(task, model): pd.read_csv(path, keep_default_na=False) for (task, model), path in found}


def _known_solutions(files: list[str], tasks: list[str]) -> Any:
    from monkeys.storage import read_table

    return {task: read_table(path).to_pandas() for task, path in zip(tasks, files, strict=True)}


def _usage_files(study: Study) -> list[str]:
    """Usage records written so far. They are side effects of other jobs; requesting them runs nothing."""
    return sorted(map(str, Path(study.results, "logs").rglob(f"*{usage.SUFFIX}")))


def _usage(files: list[str], _: Any) -> Any:
    from monkeys.analysis.usage import read_usage_records

    return read_usage_records(files)


def _per_pair(folder: str, ending: str, chosen: Callable[[Study], list[pairs.Pair]]) -> Callable[[Study], list[str]]:
    return lambda study: [f"<results>/{folder}/{task}/{model}{ending}" for task, model in chosen(study)]


def _per_shard(stage: str, chosen: Callable[[Study], list[pairs.Pair]]) -> Callable[[Study], list[str]]:
    return lambda study: [
        f"<results>/{stage}/{task}/{model}/{shard}.parquet"
        for task, model in chosen(study)
        for shard in study.shards(task, model)
    ]


def _golds_of(chosen: Callable[[Study], list[pairs.Pair]]) -> Input:
    """Gold answers for the tasks of the chosen pairs."""

    def verifiers(study: Study) -> dict[str, str]:
        return {task: name for task, _ in chosen(study) if (name := study.tasks[task].verifier) is not None}

    return Input(
        lambda study: [f"<results>/problems/{task}.parquet" for task in verifiers(study)],
        _golds,
        verifiers,
        ancient=True,
    )


def _paths(files: list[str], _: Any) -> list[str]:
    return files


INPUTS = {
    "tallies": Input(_per_pair("tallies", ".parquet", Study.pairs), _tallies),
    "looks": Input(
        lambda _: [],
        _looks,
        lambda study: {"models": list(study.models), "families": pairs.families(study)},
    ),
    "facts": Input(
        lambda study: [
            f"<results>/models/{model}.json" for model in dict.fromkeys(m for _, m in pairs.with_flops(study))
        ],
        _facts,
    ),
    "choices": Input(_per_pair("selection", ".csv", pairs.with_selectors), _concat),
    "stopping": Input(_per_pair("selection", ".stopping.csv", pairs.with_votes), _concat),
    "votes": Input(_per_pair("selection", ".votes.csv", pairs.with_selectors), _concat),
    "verdicts_of_published": Input(_per_shard("verdicts", pairs.reverified), _paths),
    "published_verdicts": Input(_per_shard("published", pairs.reverified), _paths),
    "golds_of_published": _golds_of(pairs.reverified),
    "second_opinions": Input(_per_shard("verdicts", pairs.with_second_opinion), _paths),
    "golds_of_second_opinions": _golds_of(pairs.with_second_opinion),
    "graded": Input(
        lambda study: [study.analysis.audit.graded[task][model] for task, model in pairs.graded(study)],
        _graded,
        pairs.graded,
    ),
    "known_solutions": Input(
        lambda study: [
            f"<results>/known_solutions/{task}.verdicts.parquet" for task in pairs.tasks_with_known_solutions(study)
        ],
        _known_solutions,
        pairs.tasks_with_known_solutions,
    ),
    "guesses": Input(
        lambda study: [f"<results>/guesses/{task}.csv" for task in pairs.tasks_with_guesses(study)], _concat
    ),
    "usage_notes": Input(_usage_files, _usage),
}
