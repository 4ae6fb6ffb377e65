"""A study: everything that its config says, checked."""

import copy
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import MISSING, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError, create_model

from monkeys import sources, verification
from monkeys import tasks as builtin_tasks
from monkeys.sampling import strategies
from monkeys.sampling.settings import Sampling
from monkeys.settings import Name, Settings, Text
from monkeys.sources import paths
from monkeys.study import errors
from monkeys.study.analysis import Analysis, Verification
from monkeys.study.errors import ConfigError
from monkeys.study.model import RESERVED, Model
from monkeys.study.reward import Reward
from monkeys.study.task import Task
from monkeys.tasks.prompts import compile_template, names_in

MOST_SHARDS = 50_000
"""Shards of a study; Snakemake plans some 250 a second, in 50 kB each."""

LONGEST_NAME = 100
"""Characters in the name of a task, model or reward model, which is part of file names."""

Pair = tuple[str, str]
"""A task and a model."""


class _Sourced(Model):
    """A model: what is sampled or where samples come from, and how."""

    @cached_property
    def source(self) -> sources.Source:
        """Where the model's samples or outcomes come from."""
        (source,) = (kind for kind in sources.every() if getattr(self, kind.key()) is not None)
        return source(getattr(self, source.key()), self)

    def sources_given(self) -> list[str]:
        """The keys of all sources that are set; a model that can be used has one."""
        return [kind.key() for kind in sources.every() if getattr(self, kind.key()) is not None]


if TYPE_CHECKING:
    SourcedModel = _Sourced
else:
    SourcedModel = create_model(
        "SourcedModel",
        __base__=_Sourced,
        __doc__=_Sourced.__doc__,
        **{
            kind.key(): (kind.Settings | None, Field(default=None, description=" ".join((kind.__doc__ or "").split())))
            for kind in sources.every()
        },
    )


class Study(Settings):
    """Every key of a study's config. A key that is not listed here is an error."""

    study: Text
    """Name of the study, recorded in the provenance of every file."""
    results: Text = "results"
    """Folder for all outputs of the study, relative to the working directory."""
    seed: Annotated[int, Field(ge=0, le=2**53)] = 0
    """Seed of the study, from which all other seeds are derived."""
    gres: Annotated[str, Field(pattern=r"^\w+(:[\w.]+)?$")] | None = None
    """GRES name for GPU requests, such as gpu or gpu:h100; set it in slurm/profile.yaml. null uses --gpus."""
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    """The tasks of the study, by name."""
    models: Annotated[dict[Name, SourcedModel], Field(min_length=1)]
    """The models of the study, by name."""
    rewards: dict[Name, Reward] = {}
    """Reward models that score samples, by name. The reward `logprob` needs no model; it is the geometric mean of a
    sample's token probabilities under the sampling model."""
    verification: Verification = Verification()
    """How samples are verified."""
    analysis: Analysis = Analysis()
    """Settings of curves and tables."""

    @classmethod
    def of(cls, config: dict[str, Any]) -> Self:
        """The study of a config that was checked before; jobs use this."""
        return cls.model_validate(_with_bases(config))

    @classmethod
    def load(cls, config: dict[str, Any]) -> Self:
        """The study that a config describes, with built-in tasks filled in.

        Raises:
            ConfigError: it cannot be run; the message has one line per mistake.
        """
        mistakes = list(errors.unusable(config))
        if not mistakes:
            try:
                study = cls.of(config)
            except ValidationError as error:
                mistakes = list(errors.explain(error, cls))
            else:
                mistakes = list(study._mistakes()) or list(study._too_many_shards())
        if mistakes:
            raise ConfigError("the study's config is not valid:\n" + "\n".join(f"  {mistake}" for mistake in mistakes))
        return study

    def pairs(self) -> list[Pair]:
        """All (task, model), by task, each in the config's order."""
        return [(task, name) for task in self.tasks for name, model in self.models.items() if task in model.tasks]

    def samples(self, task: str, model: str) -> int:
        """Samples per problem: the model's own number, or else the task's."""
        own = self.models[model].samples.get(task) or self.tasks[task].samples
        return own or 0

    def shard_size(self, task: str, model: str) -> int:
        """Samples per problem and shard: the model's own number, or else the task's."""
        own = self.models[model].shard_size.get(task) or self.tasks[task].shard_size
        return own or 0

    def shards(self, task: str, model: str) -> range:
        """The numbers of the shards of a task and model."""
        return range(self.samples(task, model) // self.shard_size(task, model))

    def sampling(self, task: str, model: str) -> Sampling:
        """How a model is sampled on a task: the task's settings, overridden by the model's."""
        sampling = self.tasks[task].sampling.overridden(self.models[model].sampling)
        return sampling if sampling.logprobs is not None else sampling.replaced({"logprobs": self.votes(task)})

    def votes(self, task: str) -> bool:
        """Whether a task's verifier extracts answers, on which samples can vote."""
        verifier = self.tasks[task].verifier
        return verifier is not None and verification.load(verifier).votes

    def strategy(self, task: str, model: str) -> strategies.Strategy:
        """How the samples of a task and model are made."""
        sampling = self.sampling(task, model)
        kind = strategies.load(sampling.strategy)
        return kind(None if kind.Options is None else kind.Options(**sampling.strategy_options))

    def samples_per_request(self, task: str, model: str) -> int:
        """Samples that share what their prompt costs."""
        return self.models[model].source.samples_per_request if self.strategy(task, model).shares_prompt else 1

    def distribution(self, task: str, model: str) -> dict[str, Any]:
        """All settings that the distribution of a model's samples depends on, except the prompts.

        Changing any of them triggers resampling; nothing else does.
        """
        sampling, about = self.sampling(task, model), self.models[model]
        settings = sampling.distribution(strategies.load(sampling.strategy).version)
        return about.source.distribution(task, settings) | about.thinking_key

    def scored(self, reward: str, task: str, model: str) -> bool:
        """Whether a reward model scores the samples of a task and model."""
        settings = self.rewards[reward]
        chosen = task in settings.tasks and (settings.models is None or model in settings.models)
        return chosen and self.models[model].source.has_samples

    def doubts(self) -> Iterator[str]:
        """Settings that can be run but are likely to be mistakes, a line each."""
        used = {task for model in self.models.values() for task in model.tasks}
        for name, task in self.tasks.items():
            if name not in used:
                yield f"tasks.{name}: no model has this task, so it is not used"
            texts = task.templates() | {f"sampling.stop.{n}": stop for n, stop in enumerate(task.sampling.stop)}
            for key, text in texts.items():
                if _BACKSLASH_N.search(_JINJA.sub("", text)):
                    yield (
                        f"tasks.{name}.{key}: contains a backslash and an n, not a line break; in YAML \\n is one only "
                        "between double quotes"
                    )
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, model in self.models.items():
            for task_name in model.tasks:
                if model.source.rule == "sample":
                    alike[task_name, repr(self.distribution(task_name, name))].append(name)
        for names in dict.fromkeys(tuple(names) for names in alike.values() if len(names) > 1):
            yield f"models {' and '.join(names)}: sample the same weights in the same way"

    def _mistakes(self) -> Iterator[str]:
        """Mistakes that types cannot express."""
        if mistakes := list(_mistakes_of_folder(self.results)):
            yield from mistakes
            return
        for kind in ("tasks", "models", "rewards"):
            yield from _mistakes_of_names(kind, list(getattr(self, kind)))
        for name, task in self.tasks.items():
            yield from _mistakes_of_task(f"tasks.{name}", task)
        for name in self.models:
            yield from self._mistakes_of_model(name)
        for name in self.rewards:
            yield from self._mistakes_of_reward(name)
        bins = self.analysis.audit.bins
        if sorted(set(bins)) != bins:
            yield f"analysis.audit.bins: {bins} are not increasing"
        yield from self._mistakes_of_grades()

    def _too_many_shards(self) -> Iterator[str]:
        sampled = [(task, model) for task, model in self.pairs() if self.models[model].source.has_samples]
        total = sum(len(self.shards(task, model)) for task, model in sampled)
        if total > MOST_SHARDS:
            task, model = max(sampled, key=lambda pair: len(self.shards(*pair)))
            many, of = len(self.shards(task, model)), self.samples(task, model)
            key = f"models.{model}.shard_size.{task}"
            if task not in self.models[model].shard_size:
                key = f"tasks.{task}.shard_size"
            yield (
                f"{key}: {self.shard_size(task, model):,} of {of:,} samples makes {many:,} shards of {model}, "
                f"{total:,} in the study, and Snakemake can plan about {MOST_SHARDS:,}; raise it"
            )

    def _mistakes_of_grades(self) -> Iterator[str]:
        for task, files in self.analysis.audit.graded.items():
            for model, file in files.items():
                where = f"analysis.audit.graded.{task}.{model}"
                if (task, model) not in self.pairs():
                    yield f"{where}: the study has no such task and model"
                elif not paths.is_file(file):
                    yield f"{where}: no file {file}"
                elif Path(file).resolve().is_relative_to(Path(self.results).resolve()):
                    yield (
                        f"{where}: {file} is in the results folder, where drawing again would overwrite the grades; "
                        "move it elsewhere"
                    )

    def _mistakes_of_model(self, name: str) -> Iterator[str]:
        where, model = f"models.{name}", self.models[name]
        if len(given := model.sources_given()) != 1:
            known = ", ".join(kind.key() for kind in sources.every())
            yield f"{where}: needs exactly one source of {known}; it has {' and '.join(given) or 'none'}"
            return
        for task in model.tasks:
            if task not in self.tasks:
                yield f"{where}.tasks: {task} is not a task of this study; defined: {', '.join(self.tasks)}"
                continue
            for key in model.source.needs:
                if getattr(self.tasks[task], key) is None and task not in getattr(model, key, ()):
                    yield f"tasks.{task}: missing {key}, which {where} needs"
        template = model.conversation.template if model.conversation is not None else {}
        for argument in RESERVED:
            if argument in template:
                yield f"{where}.chat.template: {argument} is decided by the workflow; leave it out"
        yield from self._mistakes_of_numbers(name)
        yield from self._mistakes_of_sampling(name)
        yield from model.source.mistakes(where)

    def _mistakes_of_sampling(self, name: str) -> Iterator[str]:
        """Mistakes in the strategies of a model's tasks, and in the length of its thinking."""
        where, model = f"models.{name}", self.models[name]
        for task in [task for task in model.tasks if task in self.tasks]:
            own = model.sampling.model_fields_set
            sampling = self.tasks[task].sampling.overridden(model.sampling)
            key = f"{where if 'strategy' in own else f'tasks.{task}'}.sampling"
            if sampling.strategy not in strategies.names():
                known = ", ".join(strategies.names())
                yield f"{key}.strategy: {sampling.strategy} is not one of the strategies: {known}"
            else:
                options = strategies.load(sampling.strategy).Options
                key = f"{where if 'strategy_options' in own else f'tasks.{task}'}.sampling.strategy_options"
                yield from _mistakes_of_options(
                    key, f"the strategy {sampling.strategy}", options, sampling.strategy_options
                )
            budget = model.thinks.max_tokens if model.thinks is not None else None
            if budget is not None and budget >= sampling.max_tokens:
                yield (
                    f"{where}.thinking.max_tokens: {budget} leaves no token for an answer to {task} "
                    f"(sampling.max_tokens: {sampling.max_tokens})"
                )

    def _mistakes_of_numbers(self, name: str) -> Iterator[str]:
        """Mistakes in the model's own numbers of samples and sizes of shards."""
        where, model = f"models.{name}", self.models[name]
        for key in ("samples", "shard_size"):
            own = getattr(model, key)
            if own and not model.source.has_samples:
                yield f"{where}.{key}: the model has outcomes, whose files say how many samples there are; leave it out"
            for task in own:
                if task not in model.tasks:
                    yield f"{where}.{key}.{task}: the model has no such task; {where}.tasks: {', '.join(model.tasks)}"
        for task in model.tasks:
            if task in self.tasks and (task in model.samples or task in model.shard_size):
                samples_key, shard_key = (
                    f"{where}.{key}.{task}" if task in getattr(model, key) else f"tasks.{task}.{key}"
                    for key in ("samples", "shard_size")
                )
                yield from _no_multiple(samples_key, self.samples(task, name), shard_key, self.shard_size(task, name))

    def _mistakes_of_reward(self, name: str) -> Iterator[str]:
        where, reward = f"rewards.{name}", self.rewards[name]
        if name == "logprob":
            yield f"{where}: is the sampler's own log-probability; choose another name"
        for key, chosen, known in (("tasks", reward.tasks, self.tasks), ("models", reward.models or [], self.models)):
            for unknown in [one for one in chosen if one not in known]:
                yield f"{where}.{key}: {unknown} is not in {key} of this study; defined: {', '.join(known)}"
        usable = [model for model in self.models if len(self.models[model].sources_given()) == 1]
        for model in reward.models or []:
            if model in usable and not self.models[model].source.has_samples:
                yield f"{where}.models: {model} has outcomes and no samples to score"
        scored = [task for task, model in self.pairs() if model in usable and self.scored(name, task, model)]
        for task in dict.fromkeys(scored):
            for key in ("dataset", "prompt"):
                if getattr(self.tasks[task], key) is None:
                    yield f"tasks.{task}: missing {key}, which {where} needs to show the problems to its model"
        yield from paths.missing_model(where, reward.weights, reward.revision)


_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
"""What Jinja reads, in whose texts \\n is a line break."""

_BACKSLASH_N = re.compile(r"\\n(?!abla|eq|eg|e\b|o|i\b|u\b|mid|ewline|ewcommand)")
"""A line break that became none, and no command of LaTeX."""


def _with_bases(config: dict[str, Any]) -> dict[str, Any]:
    """The config with each task merged into the built-in task that it starts from."""
    if not isinstance(config.get("tasks"), dict):
        return config
    return {**config, "tasks": {name: _from_base(name, task) for name, task in config["tasks"].items()}}


def _from_base(name: str, task: Any) -> Any:
    """A task's config with the settings of the built-in task that it starts from: the named one, or its namesake."""
    task = {} if task is None else task
    if not isinstance(task, dict):
        return task
    base = task.get("base", name if name in builtin_tasks.names() else builtin_tasks.NONE)
    if base not in builtin_tasks.names():
        return {**task, "base": base}
    return _merged(builtin_tasks.load(base).settings, {**task, "base": base})


def _merged(defaults: Any, given: Any) -> Any:
    """Mappings key by key, everything else as given."""
    if not (isinstance(defaults, dict) and isinstance(given, dict)):
        return copy.deepcopy(given)
    both = {key: _merged(value, given.get(key, value)) for key, value in defaults.items()}
    return {**copy.deepcopy(given), **both}


def _mistakes_of_folder(results: str) -> Iterator[str]:
    if found := re.search(r"[{}<>\x00-\x1f]", results):
        yield f"results: contains {found[0]!r}, which the name of a results folder must not contain"
    elif len(results) > 1000 or any(len(part) > 255 for part in Path(results).parts):
        yield "results: is too long for the name of a folder"


def _mistakes_of_names(kind: str, names: list[str]) -> Iterator[str]:
    lower: dict[str, str] = {}
    for name in names:
        if len(name) > LONGEST_NAME:
            yield f"{kind}.{name[:20]}…: the name has {len(name)} characters; at most {LONGEST_NAME}"
        elif repeated := re.search(r"(.+?)\1{19}$", name):
            yield f"{kind}.{name}: the name repeats {repeated[1]!r} so often that Snakemake takes it for a mistake"
        if (other := lower.setdefault(name.lower(), name)) != name:
            yield f"{kind}.{name}: differs from {other} only in case, which some file systems ignore"


def _mistakes_of_task(where: str, task: Task) -> Iterator[str]:
    yield from _no_multiple(f"{where}.samples", task.samples, f"{where}.shard_size", task.shard_size)
    if task.base not in (builtin_tasks.NONE, *builtin_tasks.names()):
        there = ", ".join([*builtin_tasks.names(), builtin_tasks.NONE])
        yield f"{where}.base: {task.base} is not one of the built-in tasks: {there}"
    else:
        owner = "a task without a built-in base" if task.base == builtin_tasks.NONE else f"the task {task.base}"
        yield from _mistakes_of_options(f"{where}.options", owner, builtin_tasks.load(task.base).Options, task.options)
    yield from paths.missing_dataset(f"{where}.dataset", task.dataset)
    yield from paths.missing_dataset(f"{where}.examples.dataset", task.examples.dataset)
    if task.examples.file is not None and not paths.is_file(task.examples.file):
        yield f"{where}.examples.file: no file {task.examples.file}"
    yield from _mistakes_of_verifier(where, task)
    for key, template in task.templates().items():
        try:
            compile_template(template)
        except ValueError as error:
            yield f"{where}.{key}: {error}"
        else:
            if key == "prompt" and task.few_shot and "examples" not in names_in(template):
                yield f"{where}.few_shot: {task.few_shot}, but {where}.prompt does not use `examples`"


def _mistakes_of_verifier(where: str, task: Task) -> Iterator[str]:
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
        yield from _mistakes_of_options(
            f"{where}.verifier_options", f"the verifier {name}", options, task.verifier_options
        )
    if (task.reference is None) == (task.columns.reference is None):
        yield f"{where}: needs {where}.columns.reference or a template {where}.reference for its verifier, not both"


def _mistakes_of_options(where: str, owner: str, options: type[Any] | None, given: dict[str, Any]) -> Iterator[str]:
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
