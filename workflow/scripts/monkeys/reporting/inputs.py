"""What the functions of results may ask for by the names of their arguments."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monkeys import study, usage
from monkeys.reporting import pairs, registry

Config = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """One thing that may be asked for."""

    files: Callable[[Config], list[str]]
    """The files that it is read from."""
    read: Callable[[list[str], Any], Any]
    """Reads it, given the files and the setting."""
    setting: Callable[[Config], Any] = lambda _: None
    """What of the config it takes to read it; a JSON value."""
    ancient: bool = False
    """Files that only serve to explain: that they are made again changes nothing."""


def of(name: str) -> Input | None:
    """The input of this name; None if it is none."""
    for ending, folder in (("_curves", "curves"), ("_table", "tables")):
        if name.endswith(ending):
            path = f"<results>/{folder}/{name.removesuffix(ending)}.csv"
            return Input(lambda _, path=path: [path], lambda files, _: _frame(files[0]))  # type: ignore[misc]
    return INPUTS.get(name)


def files_of(result: str, function: str, config: Config) -> dict[str, list[str]]:
    """The files behind what a function of a result asks for, by argument."""
    asked = {name: known for name in registry.arguments(result, function) if (known := of(name)) is not None}
    return {name: files for name, known in asked.items() if (files := known.files(config))}


def settings_of(result: str, function: str, config: Config) -> dict[str, Any]:
    """The settings among what it asks for, and those that its inputs are read by; JSON values."""
    asked = {name: of(name) for name in registry.arguments(result, function)}
    read_by = {name: known.setting(config) for name, known in asked.items() if known is not None}
    return registry.settings(result, function, config) | {k: v for k, v in read_by.items() if v is not None}


def call(function: str, job: Any) -> Any:
    """Give a function of a result what it asks for.

    Args:
        function: Such as `draw`.
        job: Snakemake's object of the job: wildcard `result`, the inputs by argument, and the param `settings`.

    Returns:
        What the function makes.

    Raises:
        SystemExit: the study does not have the result; the message says why.
    """
    result = job.wildcards.result
    if (reason := registry.reason(result, job.config)) is not None:
        raise SystemExit(f"{result}: {reason}")
    settings = json.loads(job.params.settings)
    given = {}
    for name in registry.arguments(result, function):
        known = of(name)
        given[name] = settings[name] if known is None else known.read(_list(job.input.get(name)), settings.get(name))
    return getattr(registry.load(result), function)(**given)


def _list(files: Any) -> list[str]:
    """The files of one argument; Snakemake gives a text where there is one."""
    return [files] if isinstance(files, str) else list(files or [])


def _frame(path: str) -> Any:
    import pandas as pd

    return pd.read_csv(path, dtype={"problem_id": str}, float_precision="round_trip")


def _stack(files: list[str], _: Any) -> Any:
    import pandas as pd

    return pd.concat(map(_frame, files), ignore_index=True) if files else None


def _tallies(files: list[str], _: Any) -> Any:
    from monkeys.analysis.tables import read_tallies

    return read_tallies(files)


def _looks(_: list[str], models: dict[str, Any]) -> Any:
    from monkeys.reporting import style

    return style.colours(**models)


def _facts(files: list[str], _: Any) -> dict[str, Any]:
    return {Path(path).stem: json.loads(Path(path).read_text()) for path in files}


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


def _notes(config: Config) -> list[str]:
    """Usage records written so far. They are side effects of other jobs; requesting them runs nothing."""
    return sorted(map(str, Path(config["results"], "logs").rglob(f"*{usage.SUFFIX}")))


def _usage(files: list[str], _: Any) -> Any:
    from monkeys.analysis.usage import read_notes

    return read_notes(files)


def _per_pair(folder: str, ending: str, chosen: Callable[[Config], list[pairs.Pair]]) -> Callable[[Config], list[str]]:
    return lambda config: [f"<results>/{folder}/{task}/{model}{ending}" for task, model in chosen(config)]


def _per_shard(stage: str, chosen: Callable[[Config], list[pairs.Pair]]) -> Callable[[Config], list[str]]:
    return lambda config: [
        f"<results>/{stage}/{task}/{model}/{shard}.parquet"
        for task, model in chosen(config)
        for shard in study.shards(config, task, model)
    ]


def _golds_of(chosen: Callable[[Config], list[pairs.Pair]]) -> Input:
    """Right answers of the tasks of some pairs."""

    def verifiers(config: Config) -> dict[str, str]:
        return {task: config["tasks"][task]["verifier"] for task, _ in chosen(config)}

    return Input(
        lambda config: [f"<results>/problems/{task}.parquet" for task in verifiers(config)],
        _golds,
        verifiers,
        ancient=True,
    )


def _paths(files: list[str], _: Any) -> list[str]:
    return files


INPUTS = {
    "tallies": Input(_per_pair("tallies", ".parquet", study.pairs), _tallies),
    "looks": Input(
        lambda _: [],
        _looks,
        lambda config: {"models": list(config["models"]), "families": pairs.families(config)},
    ),
    "facts": Input(
        lambda config: [
            f"<results>/models/{model}.json" for model in dict.fromkeys(m for _, m in pairs.with_flops(config))
        ],
        _facts,
    ),
    "choices": Input(_per_pair("selection", ".csv", pairs.with_selectors), _stack),
    "votes": Input(_per_pair("selection", ".votes.csv", pairs.with_selectors), _stack),
    "verdicts_of_published": Input(_per_shard("verdicts", pairs.verified_again), _paths),
    "published_verdicts": Input(_per_shard("published", pairs.verified_again), _paths),
    "golds_of_published": _golds_of(pairs.verified_again),
    "second_opinions": Input(_per_shard("verdicts", pairs.judged_twice), _paths),
    "golds_of_second_opinions": _golds_of(pairs.judged_twice),
    "graded": Input(
        lambda config: [config["analysis"]["audit"]["graded"][task][model] for task, model in pairs.graded(config)],
        _graded,
        pairs.graded,
    ),
    "known_solutions": Input(
        lambda config: [
            f"<results>/known_solutions/{task}.verdicts.parquet" for task in pairs.tasks_with_known_solutions(config)
        ],
        _known_solutions,
        pairs.tasks_with_known_solutions,
    ),
    "usage_notes": Input(_notes, _usage),
}
