"""A study's config: checked against the schema and for sense, with every default filled in.

Whatever is wrong is said here, before any job starts, with the key's path and what is allowed.
"""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from monkeys import tasks as builtin_tasks
from monkeys import verification
from monkeys.sampling import engine_arguments
from monkeys.tasks.prompts import compile_template, names_in

SOURCES = ("weights", "endpoint", "published", "outcomes")
"""The ways in which a model's results come into the pipeline; a model has exactly one."""

COUNTS = ("samples", "shard")
"""Keys of a task for which a model may have a number of its own."""

SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


class ConfigError(ValueError):
    """The study's config cannot be run; the message names each key and what is allowed there."""


def load_schema() -> dict[str, Any]:
    """The JSON schema that documents every key of a config."""
    # libyaml's loader, which is much faster, is there in almost every build of PyYAML
    return yaml.load(SCHEMA.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def checked(config: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of a config and check it; the argument is changed and returned.

    Raises:
        ConfigError: with one line per mistake.
    """
    if isinstance(config.get("tasks"), dict):
        config["tasks"] = {name: _from_base(name, task) for name, task in config["tasks"].items()}
    errors = [_explain(error) for error in _with_defaults(load_schema()).iter_errors(config)]
    if not errors:
        errors = list(_senseless(config))
    if errors:
        raise ConfigError("the study's config is not valid:\n" + "\n".join(f"  {error}" for error in errors))
    return config


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


def _with_defaults(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator that also writes the schema's defaults into what it checks."""
    check_properties = Draft202012Validator.VALIDATORS["properties"]

    def fill(validator: Any, properties: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            for key, subschema in properties.items():
                if "default" in subschema:
                    value = subschema["default"]
                    instance.setdefault(key, value.copy() if isinstance(value, dict | list) else value)
        yield from check_properties(validator, properties, instance, schema)

    # `properties` must come first: what is filled in may be required or allowed by other keywords
    return validators.extend(Draft202012Validator, {"properties": fill})(schema)


def _explain(error: ValidationError) -> str:
    """One mistake in one line: key path, what is wrong, what is allowed."""
    path = ".".join(map(str, error.absolute_path)) or "config"
    schema = error.schema
    if error.validator == "additionalProperties":
        allowed = sorted(schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(allowed))
        return f"{path}: unknown key {', '.join(map(repr, unknown))}; allowed: {', '.join(allowed)}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{path}: missing {', '.join(missing)}"
    if "propertyNames" in error.schema_path:
        return f"{path}: {error.message}; names hold letters, digits, '.', '_', '-' and start with a letter or digit"
    allowed = schema.get("description", "").strip().split("\n")[0]
    return f"{path}: {error.message}" + (f" ({allowed})" if allowed else "")


def _senseless(config: dict[str, Any]) -> Iterator[str]:
    """Mistakes that a schema cannot express."""
    for name, task in config["tasks"].items():
        yield from _senseless_task(f"tasks.{name}", task)
    for name, model in config["models"].items():
        yield from _senseless_model(name, model, config)
    for name, reward in config["rewards"].items():
        yield from _senseless_reward(f"rewards.{name}", reward, config)
    bins = config["analysis"]["audit"]["bins"]
    if sorted(set(bins)) != bins:
        yield f"analysis.audit.bins: {bins} are not increasing"
    yield from _senseless_grades("analysis.audit.graded", config)


def _senseless_grades(where: str, config: dict[str, Any]) -> Iterator[str]:
    for task, files in config["analysis"]["audit"]["graded"].items():
        for model, file in files.items():
            if (task, model) not in pairs(config):
                yield f"{where}.{task}.{model}: the study has no such task and model"
            elif not Path(file).is_file():
                yield f"{where}.{task}.{model}: no file {file}"
            elif Path(file).resolve().is_relative_to(Path(config["results"]).resolve()):
                yield (
                    f"{where}.{task}.{model}: {file} lies among the results, where another draw would overwrite the "
                    "grades; move it elsewhere"
                )


def _senseless_task(where: str, task: dict[str, Any]) -> Iterator[str]:
    yield from _no_multiple(f"{where}.samples", task["samples"], f"{where}.shard", task["shard"])
    if task["base"] not in (builtin_tasks.NONE, *builtin_tasks.names()):
        there = ", ".join([*builtin_tasks.names(), builtin_tasks.NONE])
        yield f"{where}.base: {task['base']} is none of the built-in tasks: {there}"
    yield from _no_such_dataset(f"{where}.dataset", task["dataset"])
    yield from _no_such_dataset(f"{where}.examples.dataset", task["examples"]["dataset"])
    if (file := task["examples"]["file"]) is not None and not Path(file).is_file():
        yield f"{where}.examples.file: no file {file}"
    yield from _senseless_verifier(where, task)
    for key, template in templates(task).items():
        try:
            compile_template(template)
        except ValueError as error:
            yield f"{where}.{key}: {error}"
        else:
            if key == "prompt" and task["few_shot"] and "examples" not in names_in(template):
                yield f"{where}.few_shot: {task['few_shot']}, but {where}.prompt shows no `examples`"


def _no_multiple(where: str, samples: int | None, of: str, shard: int | None) -> Iterator[str]:
    if samples and shard and samples % shard:
        yield (
            f"{where}: {samples} is not a multiple of the shard size {shard} ({of}); the next is "
            f"{-(-samples // shard) * shard}"
        )


def templates(task: dict[str, Any]) -> dict[str, str]:
    """All templates of a task, by key."""
    reference = task["reference"]
    parts = reference if isinstance(reference, dict) else {"": reference}
    found = {"prompt": task["prompt"], "question": task["question"]}
    found |= {f"reference.{name}".rstrip("."): part for name, part in parts.items()}
    return {key: template for key, template in found.items() if template is not None}


def _senseless_verifier(where: str, task: dict[str, Any]) -> Iterator[str]:
    name = task["verifier"]
    if name is None:
        return
    if name not in verification.names():
        yield f"{where}.verifier: {name} is none of the verifiers: {', '.join(verification.names())}"
    elif task["second_opinion"] and verification.load(name).second_grader is None:
        yield f"{where}.second_opinion: the verifier {name} has none; set it to false"
    if (task["reference"] is None) == (task["columns"]["reference"] is None):
        yield f"{where}: needs {where}.columns.reference or a template {where}.reference for its verifier, not both"


def _senseless_model(name: str, model: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    where, tasks = f"models.{name}", config["tasks"]
    sources = [source for source in SOURCES if model[source] is not None]
    if len(sources) != 1:
        has = " and ".join(sources) or "none"
        yield f"{where}: needs exactly one source of {', '.join(SOURCES)}; it has {has}"
        return
    for task in model["tasks"]:
        if task not in tasks:
            yield f"{where}.tasks: {task} is not a task of this study; defined: {', '.join(tasks)}"
            continue
        for key in _needed_of_task(model):
            if tasks[task][key] is None and not (key in COUNTS and task in model[key]):
                yield f"tasks.{task}: missing {key}, which {where} needs"
    yield from _senseless_counts(name, model, config)
    (source,) = sources
    yield from {
        "weights": _senseless_weights,
        "endpoint": _senseless_endpoint,
        "published": _senseless_published,
        "outcomes": _senseless_outcomes,
    }[source](where, model)


def _senseless_counts(name: str, model: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the model's own numbers of samples, and sizes of shards."""
    where = f"models.{name}"
    for key in COUNTS:
        if model[key] and model["outcomes"] is not None:
            yield f"{where}.{key}: the model has outcomes, whose files say how many samples there are; leave it out"
        for task in model[key]:
            if task not in model["tasks"]:
                yield f"{where}.{key}.{task}: the model has no such task; {where}.tasks: {', '.join(model['tasks'])}"
    for task in model["tasks"]:
        # else it is a mistake of the task
        if task in config["tasks"] and any(task in model[key] for key in COUNTS):
            samples_key, shard_key = (
                f"{where}.{key}.{task}" if task in model[key] else f"tasks.{task}.{key}" for key in COUNTS
            )
            yield from _no_multiple(samples_key, samples(config, task, name), shard_key, shard_size(config, task, name))


def _senseless_reward(where: str, reward: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    if where == "rewards.logprob":
        yield f"{where}: is the sampler's own log-probability; name it otherwise"
    for key in ("tasks", "models"):
        for name in reward[key] or []:
            if name not in config[key]:
                yield f"{where}.{key}: {name} is not in {key} of this study; defined: {', '.join(config[key])}"
    for name in reward["models"] or []:
        if config["models"].get(name, {}).get("outcomes") is not None:
            yield f"{where}.models: {name} has outcomes and no samples to score"
    for task in dict.fromkeys(task for task, model in pairs(config) if scores(reward, config, task, model)):
        for key in ("dataset", "prompt"):
            if config["tasks"][task][key] is None:
                yield f"tasks.{task}: missing {key}, which {where} needs to show the problems to its model"
    yield from _no_such_model(where, reward)


def scores(reward: dict[str, Any], config: dict[str, Any], task: str, model: str) -> bool:
    """Whether a reward model scores the samples of a task and model."""
    chosen = task in reward["tasks"] and (reward["models"] is None or model in reward["models"])
    return chosen and config["models"][model]["outcomes"] is None


def _needed_of_task(model: dict[str, Any]) -> tuple[str, ...]:
    """Keys of a task that must be set for a model of this source."""
    if model["outcomes"] is not None:
        return ()
    if model["published"] is not None and not model["published"]["verify"]:
        return ("samples", "shard")
    return ("dataset", "prompt", "verifier", "samples", "shard")


def _senseless_weights(where: str, model: dict[str, Any]) -> Iterator[str]:
    yield from _no_such_model(where, model)
    for mistake in engine_arguments.mistakes(model["engine"]):
        yield f"{where}.engine.arguments: {mistake}"


def _no_such_model(where: str, model: dict[str, Any]) -> Iterator[str]:
    weights = model["weights"]
    if not _is_path(weights):
        if model["revision"] is None:
            yield (
                f"{where}.revision: a model of the hub needs one, so that all shards come from the same weights; "
                f"its commits are listed on https://huggingface.co/{weights}/commits/main"
            )
    elif not (Path(weights) / "config.json").is_file():
        yield (
            f"{where}.weights: no model in the folder {weights} (config.json is missing); "
            "give a folder in Hugging Face format, or a hub id such as meta-llama/Meta-Llama-3-8B-Instruct"
        )


def _senseless_endpoint(where: str, model: dict[str, Any]) -> Iterator[str]:
    if "@" in urlsplit(model["endpoint"]["base_url"]).netloc:
        yield (
            f"{where}.endpoint.base_url: holds a user or password; put the key into an environment variable "
            f"and name that in {where}.endpoint.api_key_env"
        )


def _senseless_published(where: str, model: dict[str, Any]) -> Iterator[str]:
    published = model["published"]
    yield from _no_such_dataset(f"{where}.published.dataset", published["dataset"])
    if not _is_path(published["dataset"]) and published["revision"] is None:
        yield f"{where}.published.revision: a dataset of the hub needs one, so that all shards come from one release"
    for task in model["tasks"]:
        if task not in published["subsets"]:
            yield f"{where}.published.subsets: none for task {task}"


def _senseless_outcomes(where: str, model: dict[str, Any]) -> Iterator[str]:
    for task in model["tasks"]:
        if task not in model["outcomes"]:
            yield f"{where}.outcomes: no file for task {task}"
        elif not Path(path := outcomes_of(model, task)[0]).is_file():
            yield f"{where}.outcomes.{task}: no file {path}"


def _no_such_dataset(where: str, dataset: str | None) -> Iterator[str]:
    if dataset is not None and _is_path(dataset) and not Path(dataset).is_dir():
        yield f"{where}: no folder {dataset}; give a folder, or a hub id such as openai/gsm8k"


def _is_path(text: str) -> bool:
    """Whether a dataset or model is meant as a folder: a hub id is `name` or `organisation/name`."""
    return Path(text).is_dir() or re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", text) is None


_SOURCE = ("base", "dataset", "revision", "subset", "split")


def prompt_settings(task: dict[str, Any]) -> dict[str, Any]:
    """Everything in a task's config that its prompts depend on."""
    keys = (*_SOURCE, "problems", "problem_seed", "few_shot", "examples", "prompt")
    return {key: task[key] for key in keys} | {"id": task["columns"]["id"]}


def problem_settings(task: dict[str, Any]) -> dict[str, Any]:
    """Everything in a task's config that else is said of its problems, or that they are checked by."""
    return {key: task[key] for key in (*_SOURCE, "columns", "question", "prompt", "reference", "verifier")}


def sampling_settings(config: dict[str, Any], task: str, model: str) -> dict[str, Any]:
    """How a model is sampled on a task: the task's settings, overridden by the model's."""
    return {**config["tasks"][task]["sampling"], **config["models"][model]["sampling"]}


def distribution(config: dict[str, Any], task: str, model: str) -> dict[str, Any]:
    """Everything in the config that the distribution of a model's samples depends on, except the prompts.

    Changing any of it draws the samples anew; nothing else does. Where a server is reached is not part of it.
    """
    about = config["models"][model]
    sampling = sampling_settings(config, task, model)
    if about["endpoint"] is not None:
        source = {key: about["endpoint"][key] for key in ("model", "parameters")}
        return {"endpoint": source, "chat": about["chat"], "sampling": sampling}
    if about["published"] is not None:
        source = {key: about["published"][key] for key in ("dataset", "revision", "split")}
        return {"published": source | {"subset": about["published"]["subsets"][task]}}
    own = {key: about[key] for key in ("weights", "revision", "quantization", "chat")}
    if about["overlong_prompts"] == "cut":
        own["overlong_prompts"] = "cut"
    return {**own, "sampling": sampling}


def outcomes_of(model: dict[str, Any], task: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """File with a model's outcomes on a task, the file's names of columns, and which of its rows count."""
    entry = model["outcomes"][task]
    if isinstance(entry, str):
        return entry, {}, {}
    return entry["file"], entry.get("columns", {}), entry.get("where", {})


def samples(config: dict[str, Any], task: str, model: str) -> int:
    """How many samples of every problem of a task a model has: its own number, or else the task's."""
    return config["models"][model]["samples"].get(task, config["tasks"][task]["samples"])


def shard_size(config: dict[str, Any], task: str, model: str) -> int:
    """How many samples of every problem a shard of a task and model holds: the model's own number, or the task's."""
    return config["models"][model]["shard"].get(task, config["tasks"][task]["shard"])


def shards(config: dict[str, Any], task: str, model: str) -> range:
    """The numbers of the shards of a task and model."""
    return range(samples(config, task, model) // shard_size(config, task, model))


def pairs(config: dict[str, Any]) -> list[tuple[str, str]]:
    """All (task, model) of the study, by task, each in the config's order."""
    return [
        (task, name) for task in config["tasks"] for name, model in config["models"].items() if task in model["tasks"]
    ]
