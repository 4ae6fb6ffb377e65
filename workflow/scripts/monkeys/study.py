"""A study's config: checked against the schema and for sense, with every default filled in.

Whatever is wrong is said here, before any job starts, with the key's path and what is allowed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from monkeys.tasks.prompts import compile_template

SOURCES = ("weights", "outcomes")
"""The ways in which a model's results come into the pipeline; a model has exactly one."""

SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


class ConfigError(ValueError):
    """The study's config cannot be run; the message names each key and what is allowed there."""


def load_schema() -> dict[str, Any]:
    """The JSON schema that documents every key of a config."""
    return yaml.safe_load(SCHEMA.read_text())


def checked(config: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of a config and check it; the argument is changed and returned.

    Raises:
        ConfigError: with one line per mistake.
    """
    errors = [_explain(error) for error in _with_defaults(load_schema()).iter_errors(config)]
    if not errors:
        errors = list(_senseless(config))
    if errors:
        raise ConfigError("the study's config is not valid:\n" + "\n".join(f"  {error}" for error in errors))
    return config


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
    tasks, models = config["tasks"], config["models"]
    for name, task in tasks.items():
        if task["samples"] % task["shard"]:
            raise_to = -(-task["samples"] // task["shard"]) * task["shard"]
            yield (
                f"tasks.{name}.samples: {task['samples']} is not a multiple of the shard size {task['shard']} "
                f"(tasks.{name}.shard); the next is {raise_to}"
            )
        if _is_path(task["dataset"]) and not Path(task["dataset"]).is_dir():
            yield f"tasks.{name}.dataset: no folder {task['dataset']}; give a folder, or a hub id such as openai/gsm8k"
        for key in ("prompt", "question"):
            try:
                compile_template(task[key] or "")
            except ValueError as error:
                yield f"tasks.{name}.{key}: {error}"
    for name, model in models.items():
        sources = [source for source in SOURCES if model[source] is not None]
        if len(sources) != 1:
            has = " and ".join(sources) or "none"
            yield f"models.{name}: needs exactly one source of {', '.join(SOURCES)}; it has {has}"
        for task in model["tasks"]:
            if task not in tasks:
                yield f"models.{name}.tasks: {task} is not a task of this study; defined: {', '.join(tasks)}"
        weights = model["weights"]
        if weights is not None and _is_path(weights) and not (Path(weights) / "config.json").is_file():
            yield (
                f"models.{name}.weights: no model in the folder {weights} (config.json is missing); "
                "give a folder in Hugging Face format, or a hub id such as meta-llama/Meta-Llama-3-8B-Instruct"
            )
        for task, path in (model["outcomes"] or {}).items():
            if not Path(path).is_file():
                yield f"models.{name}.outcomes.{task}: no file {path}"
        if model["outcomes"] is not None:
            for task in set(model["tasks"]) - set(model["outcomes"]):
                yield f"models.{name}.outcomes: no file for task {task}"


def _is_path(text: str) -> bool:
    """Whether a dataset or model is meant as a folder: a hub id is `name` or `organisation/name`."""
    return Path(text).is_dir() or re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", text) is None


def sampling_settings(config: dict[str, Any], task: str, model: str) -> dict[str, Any]:
    """How a model is sampled on a task: the task's settings, overridden by the model's."""
    return {**config["tasks"][task]["sampling"], **config["models"][model]["sampling"]}


def distribution(config: dict[str, Any], task: str, model: str) -> dict[str, Any]:
    """Everything in the config that the distribution of a model's samples depends on, except the prompts.

    Changing any of it draws the samples anew; nothing else does.
    """
    return {
        "weights": config["models"][model]["weights"],
        "revision": config["models"][model]["revision"],
        "sampling": sampling_settings(config, task, model),
    }


def shards(config: dict[str, Any], task: str) -> range:
    """The numbers of a task's shards."""
    return range(config["tasks"][task]["samples"] // config["tasks"][task]["shard"])


def pairs(config: dict[str, Any]) -> list[tuple[str, str]]:
    """All (task, model) of the study, by task, each in the config's order."""
    return [
        (task, name) for task in config["tasks"] for name, model in config["models"].items() if task in model["tasks"]
    ]
