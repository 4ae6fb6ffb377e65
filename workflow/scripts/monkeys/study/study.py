"""A study: everything that its config says, checked."""

import copy
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, ValidationError, create_model

from monkeys import sources, verification
from monkeys import tasks as builtin_tasks
from monkeys.sampling import strategies
from monkeys.sampling.settings import Sampling
from monkeys.settings import Json, Name, Settings, Text
from monkeys.study import errors, mistakes
from monkeys.study.analysis import Analysis, Verification
from monkeys.study.errors import ConfigError
from monkeys.study.model import Model
from monkeys.study.reward import Reward
from monkeys.study.task import Task

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
    def of(cls, config: Json) -> Self:
        """The study of a config that was checked before; jobs use this."""
        return cls.model_validate(_with_bases(config))

    @classmethod
    def load(cls, config: Json) -> Self:
        """The study that a config describes, with built-in tasks filled in.

        Raises:
            ConfigError: it cannot be run; the message has one line per mistake.
        """
        found = list(errors.unusable(config))
        if not found:
            try:
                study = cls.of(config)
            except ValidationError as error:
                found = list(errors.explain(error, cls))
            else:
                found = list(mistakes.of_study(study)) or list(mistakes.too_many_shards(study))
        if found:
            raise ConfigError("the study's config is not valid:\n" + "\n".join(f"  {mistake}" for mistake in found))
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
        if (task, model) not in self._samplings:  # Snakemake asks for every shard
            sampling = self.tasks[task].sampling.overridden(self.models[model].sampling)
            logprobs = self.votes(task) if sampling.logprobs is None else sampling.logprobs
            self._samplings[task, model] = sampling.replaced({"logprobs": logprobs})
        return self._samplings[task, model]

    @cached_property
    def _samplings(self) -> dict[Pair, Sampling]:
        return {}

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

    def distribution(self, task: str, model: str) -> Json:
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
        for task_name, name in self.pairs():
            if self.models[name].thinks is not None and self.sampling(task_name, name).stop:
                yield f"models.{name}.thinking: the stop strings of {task_name} (sampling.stop) also end the thinking"
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, model in self.models.items():
            for task_name in model.tasks:
                if model.source.rule == "sample":
                    alike[task_name, repr(self.distribution(task_name, name))].append(name)
        for names in dict.fromkeys(tuple(names) for names in alike.values() if len(names) > 1):
            yield f"models {' and '.join(names)}: sample the same weights in the same way"


_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
"""What Jinja reads, in whose texts \\n is a line break."""

_BACKSLASH_N = re.compile(r"\\n(?!abla|eq|eg|e\b|o|i\b|u\b|mid|ewline|ewcommand)")
"""A line break that became none, and no command of LaTeX."""


def _with_bases(config: Json) -> Json:
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
