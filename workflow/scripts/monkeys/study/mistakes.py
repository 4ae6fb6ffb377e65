"""Mistakes in a config that types cannot express, a line each."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from monkeys import sources, verification
from monkeys import tasks as builtin_tasks
from monkeys.sampling import strategies
from monkeys.settings import Json
from monkeys.sources import paths
from monkeys.study.model import RESERVED
from monkeys.study.task import Task
from monkeys.tasks.prompts import compile_template, names_in

if TYPE_CHECKING:
    from monkeys.study.study import Study

MOST_SHARDS = 50_000
"""Shards of a study; Snakemake plans some 250 a second, in 50 kB each."""

LONGEST_NAME = 100
"""Characters in the name of a task, model or reward model, which is part of file names."""


def of_study(study: "Study") -> Iterator[str]:
    """Mistakes that types cannot express."""
    if unusable := list(_of_folder(study.results)):
        yield from unusable
        return
    for kind in ("tasks", "models", "rewards"):
        yield from _of_names(kind, list(getattr(study, kind)))
    for name, task in study.tasks.items():
        yield from _of_task(f"tasks.{name}", task)
    for name in study.models:
        yield from _of_model(study, name)
    for name in study.rewards:
        yield from _of_reward(study, name)
    bins = study.analysis.audit.bins
    if sorted(set(bins)) != bins:
        yield f"analysis.audit.bins: {bins} are not increasing"
    if len(per_bin := study.analysis.audit.per_bin) != len(bins) + 1:
        yield f"analysis.audit.per_bin: {len(per_bin)} numbers for the {len(bins) + 1} bins of analysis.audit.bins"
    yield from _of_grades(study)


def too_many_shards(study: "Study") -> Iterator[str]:
    """The mistake of more shards than Snakemake can plan; for a study without other mistakes."""
    sampled = [(task, model) for task, model in study.pairs() if study.models[model].source.has_samples]
    total = sum(len(study.shards(task, model)) for task, model in sampled)
    if total > MOST_SHARDS:
        task, model = max(sampled, key=lambda pair: len(study.shards(*pair)))
        many, of = len(study.shards(task, model)), study.samples(task, model)
        key = f"models.{model}.shard_size.{task}"
        if task not in study.models[model].shard_size:
            key = f"tasks.{task}.shard_size"
        yield (
            f"{key}: {study.shard_size(task, model):,} of {of:,} samples makes {many:,} shards of {model}, "
            f"{total:,} in the study, and Snakemake can plan about {MOST_SHARDS:,}; raise it"
        )


def _of_grades(study: "Study") -> Iterator[str]:
    for task, files in study.analysis.audit.graded.items():
        for model, file in files.items():
            where = f"analysis.audit.graded.{task}.{model}"
            if (task, model) not in study.pairs():
                yield f"{where}: the study has no such task and model"
            elif not paths.is_file(file):
                yield f"{where}: no file {file}"
            elif Path(file).resolve().is_relative_to(Path(study.results).resolve()):
                yield (
                    f"{where}: {file} is in the results folder, where drawing again would overwrite the grades; "
                    "move it elsewhere"
                )


def _of_model(study: "Study", name: str) -> Iterator[str]:
    where, model = f"models.{name}", study.models[name]
    if len(given := model.sources_given()) != 1:
        known = ", ".join(kind.key() for kind in sources.every())
        yield f"{where}: needs exactly one source of {known}; it has {' and '.join(given) or 'none'}"
        return
    for task in model.tasks:
        if task not in study.tasks:
            yield f"{where}.tasks: {task} is not a task of this study; defined: {', '.join(study.tasks)}"
            continue
        for key in model.source.needs:
            if getattr(study.tasks[task], key) is None and task not in getattr(model, key, ()):
                yield f"tasks.{task}: missing {key}, which {where} needs"
    template = model.conversation.template if model.conversation is not None else {}
    for argument in RESERVED:
        if argument in template:
            yield f"{where}.chat.template: {argument} is decided by the workflow; leave it out"
    yield from _of_numbers(study, name)
    yield from _of_sampling(study, name)
    yield from model.source.mistakes(where)


def _of_sampling(study: "Study", name: str) -> Iterator[str]:
    """Mistakes in the strategies of a model's tasks, and in the length of its thinking."""
    where, model = f"models.{name}", study.models[name]
    for task in [task for task in model.tasks if task in study.tasks]:
        own = model.sampling.model_fields_set
        sampling = study.tasks[task].sampling.overridden(model.sampling)
        key = f"{where if 'strategy' in own else f'tasks.{task}'}.sampling"
        if sampling.strategy not in strategies.names():
            known = ", ".join(strategies.names())
            yield f"{key}.strategy: {sampling.strategy} is not one of the strategies: {known}"
        else:
            options = strategies.load(sampling.strategy).Options
            key = f"{where if 'strategy_options' in own else f'tasks.{task}'}.sampling.strategy_options"
            yield from _of_options(key, f"the strategy {sampling.strategy}", options, sampling.strategy_options)
        budget = model.thinks.max_tokens if model.thinks is not None else None
        if budget is not None and budget >= sampling.max_tokens:
            yield (
                f"{where}.thinking.max_tokens: {budget} leaves no token for an answer to {task} "
                f"(sampling.max_tokens: {sampling.max_tokens})"
            )


def _of_numbers(study: "Study", name: str) -> Iterator[str]:
    """Mistakes in the model's own numbers of samples and sizes of shards."""
    where, model = f"models.{name}", study.models[name]
    for key in ("samples", "shard_size"):
        own = getattr(model, key)
        if own and not model.source.has_samples:
            yield f"{where}.{key}: the model has outcomes, whose files say how many samples there are; leave it out"
        for task in own:
            if task not in model.tasks:
                yield f"{where}.{key}.{task}: the model has no such task; {where}.tasks: {', '.join(model.tasks)}"
    for task in model.tasks:
        if task in study.tasks and (task in model.samples or task in model.shard_size):
            samples_key, shard_key = (
                f"{where}.{key}.{task}" if task in getattr(model, key) else f"tasks.{task}.{key}"
                for key in ("samples", "shard_size")
            )
            yield from _no_multiple(samples_key, study.samples(task, name), shard_key, study.shard_size(task, name))


def _of_reward(study: "Study", name: str) -> Iterator[str]:
    where, reward = f"rewards.{name}", study.rewards[name]
    if name == "logprob":
        yield f"{where}: is the sampler's own log-probability; choose another name"
    for key, chosen, known in (("tasks", reward.tasks, study.tasks), ("models", reward.models or [], study.models)):
        for unknown in [one for one in chosen if one not in known]:
            yield f"{where}.{key}: {unknown} is not in {key} of this study; defined: {', '.join(known)}"
    usable = [model for model in study.models if len(study.models[model].sources_given()) == 1]
    for model in reward.models or []:
        if model in usable and not study.models[model].source.has_samples:
            yield f"{where}.models: {model} has outcomes and no samples to score"
    scored = [task for task, model in study.pairs() if model in usable and study.scored(name, task, model)]
    for task in dict.fromkeys(scored):
        for key in ("dataset", "prompt"):
            if getattr(study.tasks[task], key) is None:
                yield f"tasks.{task}: missing {key}, which {where} needs to show the problems to its model"
    yield from paths.missing_model(where, reward.weights, reward.revision)


def _of_folder(results: str) -> Iterator[str]:
    if found := re.search(r"[{}<>\x00-\x1f]", results):
        yield f"results: contains {found[0]!r}, which the name of a results folder must not contain"
    elif len(results) > 1000 or any(len(part) > 255 for part in Path(results).parts):
        yield "results: is too long for the name of a folder"


def _of_names(kind: str, names: list[str]) -> Iterator[str]:
    lower: dict[str, str] = {}
    for name in names:
        if len(name) > LONGEST_NAME:
            yield f"{kind}.{name[:20]}…: the name has {len(name)} characters; at most {LONGEST_NAME}"
        elif repeated := re.search(r"(.+?)\1{19}$", name):
            yield f"{kind}.{name}: the name repeats {repeated[1]!r} so often that Snakemake takes it for a mistake"
        if (other := lower.setdefault(name.lower(), name)) != name:
            yield f"{kind}.{name}: differs from {other} only in case, which some file systems ignore"


def _of_task(where: str, task: Task) -> Iterator[str]:
    yield from _no_multiple(f"{where}.samples", task.samples, f"{where}.shard_size", task.shard_size)
    if task.base not in (builtin_tasks.NONE, *builtin_tasks.names()):
        there = ", ".join([*builtin_tasks.names(), builtin_tasks.NONE])
        yield f"{where}.base: {task.base} is not one of the built-in tasks: {there}"
    else:
        owner = "a task without a built-in base" if task.base == builtin_tasks.NONE else f"the task {task.base}"
        yield from _of_options(f"{where}.options", owner, builtin_tasks.load(task.base).Options, task.options)
    yield from paths.missing_dataset(f"{where}.dataset", task.dataset)
    yield from paths.missing_dataset(f"{where}.examples.dataset", task.examples.dataset)
    if task.examples.file is not None and not paths.is_file(task.examples.file):
        yield f"{where}.examples.file: no file {task.examples.file}"
    yield from _of_verifier(where, task)
    errors = task.verifier_errors
    if errors is not None and errors.false_positive + errors.false_negative >= 1:
        yield f"{where}.verifier_errors: a verifier must accept more of the correct samples than of the wrong ones"
    if task.guesses is not None and task.verifier is not None and not _has_votes(task.verifier):
        yield f"{where}.guesses: the verifier {task.verifier} does not compare answers; leave it out"
    for key, template in task.templates().items():
        try:
            compile_template(template)
        except ValueError as error:
            yield f"{where}.{key}: {error}"
        else:
            if key == "prompt" and task.few_shot and "examples" not in names_in(template):
                yield f"{where}.few_shot: {task.few_shot}, but {where}.prompt does not use `examples`"


def _has_votes(verifier: str) -> bool:
    return verifier in verification.names() and verification.load(verifier).votes


def _of_verifier(where: str, task: Task) -> Iterator[str]:
    name = task.verifier
    if name is None:
        return
    if name not in verification.names():
        yield f"{where}.verifier: {name} is not one of the verifiers: {', '.join(verification.names())}"
    elif task.second_opinion and verification.load(name).second_grader is None:
        yield f"{where}.second_opinion: the verifier {name} has none; set it to false"
    elif task.lists != "whole" and not verification.load(name).lists:
        yield f"{where}.lists: the verifier {name} does not compare lists; leave it out"
    else:
        options = verification.load(name).Options
        yield from _of_options(f"{where}.verifier_options", f"the verifier {name}", options, task.verifier_options)
    if (task.reference is None) == (task.columns.reference is None):
        yield f"{where}: needs {where}.columns.reference or a template {where}.reference for its verifier, not both"


def _of_options(where: str, owner: str, options: type[Any] | None, given: Json) -> Iterator[str]:
    """Mistakes in options that a dataclass describes."""
    if options is None:
        if given:
            yield f"{where}: {owner} has no options; leave it out"
        return
    types = get_type_hints(options)
    required = [field.name for field in fields(options) if field.default is field.default_factory is MISSING]
    if missing := [key for key in required if key not in given]:
        yield f"{where}: missing {', '.join(missing)}"
    wrong = list(missing)
    for key, value in given.items():
        if key not in types:
            wrong.append(key)
            yield f"{where}: unknown key {key!r}; allowed: {', '.join(sorted(types))}"
            continue
        try:
            TypeAdapter(types[key]).validate_python(value, strict=True)
        except ValidationError as error:
            wrong.append(key)
            yield f"{where}.{key}: {error.errors()[0]['msg'].lower()}, and is {value!r}"
    if not wrong:
        try:
            options(**given)
        except ValueError as error:
            yield f"{where}.{error}"


def _no_multiple(where: str, samples: int | None, of: str, shard: int | None) -> Iterator[str]:
    if samples and shard and samples % shard:
        yield (
            f"{where}: {samples} is not a multiple of the shard size {shard} ({of}); the next is "
            f"{-(-samples // shard) * shard}"
        )
