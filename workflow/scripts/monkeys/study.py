"""A study's config: validated against the schema and for consistency, with all defaults filled in.

Mistakes are reported before any job starts, each with the key's path and what is allowed.
"""

import copy
import difflib
import math
import re
import sys
from collections import defaultdict
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
"""Sources of a model's results; a model has exactly one."""

COUNTS = ("samples", "shard_size")
"""Keys of a task that a model may override."""

MOST_SHARDS = 50_000
"""Maximum number of shards in a study; Snakemake plans about 250 per second, at 50 kB each."""

LONGEST_NAME = 100
"""Maximum length of the name of a task, model or reward model, which is part of file names."""

SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


class ConfigError(ValueError):
    """The config is invalid; the message names each key and what is allowed there."""


def load_schema() -> dict[str, Any]:
    """The JSON schema, which documents every key of a config."""
    # almost every build of PyYAML has libyaml's loader, which is much faster
    return yaml.load(SCHEMA.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def checked(config: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of a config, in place, and validate it; returns the config.

    Raises:
        ConfigError: one line per mistake.
    """
    errors = list(_unusable_values(config))
    if not errors:
        if isinstance(config.get("tasks"), dict):
            config["tasks"] = {name: _from_base(name, task) for name, task in config["tasks"].items()}
        schema = load_schema()
        errors = [line for error in _with_defaults(schema).iter_errors(config) for line in _explain(error, schema)]
    if not errors:
        errors = list(_inconsistencies(config)) or list(_check_number_of_shards(config))
    if errors:
        raise ConfigError("the study's config is not valid:\n" + "\n".join(f"  {error}" for error in errors))
    return config


def doubtful(config: dict[str, Any]) -> Iterator[str]:
    """Likely mistakes in a valid config, one line each."""
    used = {task for model in config["models"].values() for task in model["tasks"]}
    for name, task in config["tasks"].items():
        if name not in used:
            yield f"tasks.{name}: no model has this task, so it is not used"
        texts = templates(task) | {f"sampling.stop.{n}": stop for n, stop in enumerate(task["sampling"]["stop"])}
        for key, text in texts.items():
            if _BACKSLASH_N.search(_JINJA.sub("", text)):
                yield (
                    f"tasks.{name}.{key}: contains a backslash and an n, not a line break; in YAML \\n is one only "
                    "between double quotes"
                )
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, model in config["models"].items():
        for task in model["tasks"]:
            if model["weights"] is not None:
                alike[task, repr(distribution(config, task, name))].append(name)
    for names in dict.fromkeys(tuple(names) for names in alike.values() if len(names) > 1):
        yield f"models {' and '.join(names)}: sample the same weights in the same way"


_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
"""Jinja expressions and statements: in their strings \\n is a line break."""

_BACKSLASH_N = re.compile(r"\\n(?!abla|eq|eg|e\b|o|i\b|u\b|mid|ewline|ewcommand)")
"""A backslash and an n that were probably meant as a line break, and are not a LaTeX command."""


def read(path: str | Path) -> list[str]:
    """Duplicate keys of a config file, one line each; YAML drops the first value of a duplicate key.

    Raises:
        ConfigError: the file is not valid YAML; the message gives line and column.
    """
    try:
        root = yaml.compose(Path(path).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        wrong = getattr(error, "problem", None) or str(error)
        raise ConfigError(
            f"{path}: {where}{wrong}; indent with spaces, and quote texts that contain `: `, `#` or braces"
        ) from None
    return list(_duplicate_keys(path, root, ""))


def _duplicate_keys(path: str | Path, node: Any, where: str) -> Iterator[str]:
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _duplicate_keys(path, item, f"{where}.{number}")
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = f"{where}.{key.value}".lstrip(".")
            if name in lines and key.value != "<<":
                line = key.start_mark.line + 1
                yield f"{path}: {name} is given in line {lines[name]} and again in line {line}; the first is ignored"
            lines[name] = key.start_mark.line + 1
            if value.start_mark.index > key.start_mark.index:  # else an alias, which was checked where it is defined
                yield from _duplicate_keys(path, value, name)


def _unusable_values(config: Any, where: str = "", others: bool = False) -> Iterator[str]:
    """Keys that are not strings, and unusable numbers; keys below `parameters` and `arguments` are not checked."""
    if isinstance(config, dict):
        for key, value in config.items():
            path = f"{where}.{key}".lstrip(".")
            if not isinstance(key, str) and not others:
                yield f"{path}: the name must be text, not {key!r}; put it in quotes"
            else:
                yield from _unusable_values(value, path, others or key in ("parameters", "arguments"))
    elif isinstance(config, list):
        for number, value in enumerate(config):
            yield from _unusable_values(value, f"{where}.{number}", others)
    elif isinstance(config, float) and not math.isfinite(config):
        yield f"{where}: {config} is not a finite number"
    elif isinstance(config, int | float) and abs(config) > 1e15:
        yield f"{where}: {float(config) if abs(config) < 1e300 else 'it'} is too large for any setting"


def _check_number_of_shards(config: dict[str, Any]) -> Iterator[str]:
    sampled = [(task, model) for task, model in pairs(config) if config["models"][model]["outcomes"] is None]
    total = sum(len(shards(config, task, model)) for task, model in sampled)
    if total > MOST_SHARDS:
        task, model = max(sampled, key=lambda pair: len(shards(config, *pair)))
        many, of = len(shards(config, task, model)), samples(config, task, model)
        key = f"models.{model}.shard_size.{task}"
        if task not in config["models"][model]["shard_size"]:
            key = f"tasks.{task}.shard_size"
        yield (
            f"{key}: {shard_size(config, task, model):,} of {of:,} samples makes {many:,} shards of {model}, "
            f"{total:,} in the study, and Snakemake can plan about {MOST_SHARDS:,}; raise it"
        )


def _from_base(name: str, task: Any) -> Any:
    """A task's config merged with its built-in base: the one named by `base`, or the one with the task's name."""
    task = {} if task is None else task
    if not isinstance(task, dict):
        return task
    base = task.get("base", name if name in builtin_tasks.names() else builtin_tasks.NONE)
    if base not in builtin_tasks.names():
        return {**task, "base": base}
    return _merged(builtin_tasks.load(base).settings, {**task, "base": base})


def _merged(defaults: Any, given: Any) -> Any:
    """Merge mappings key by key; other values are taken from `given`."""
    if not (isinstance(defaults, dict) and isinstance(given, dict)):
        return copy.deepcopy(given)
    both = {key: _merged(value, given.get(key, value)) for key, value in defaults.items()}
    return {**copy.deepcopy(given), **both}


def _with_defaults(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator that also fills in the schema's defaults."""
    check_properties = Draft202012Validator.VALIDATORS["properties"]

    def fill(validator: Any, properties: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            for key, subschema in properties.items():
                if "default" in subschema:
                    value = subschema["default"]
                    instance.setdefault(key, value.copy() if isinstance(value, dict | list) else value)
        yield from check_properties(validator, properties, instance, schema)

    # JSON Schema accepts 16.0 as an integer; a number of samples must be an int
    whole = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    # `properties` must come first: other keywords may require or allow what it fills in
    return validators.extend(Draft202012Validator, {"properties": fill}, type_checker=whole)(schema)


RENAMED = {
    "shard": "shard_size",
    "bootstrap": "bootstrap_resamples",
    "subsets": "vote_subsets",
    "overlong_prompts": "on_context_overflow",
    "attempt": "sample",
    "about": "context",
}
"""Renamed keys: former name → present name."""

WORDS = {
    "object": "lines of `name: value`, indented further",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
"""Names of the schema's types in messages."""


def _explain(error: ValidationError, schema: dict[str, Any]) -> Iterator[str]:
    """Message lines for a schema error: key path, problem, what is allowed."""
    path = ".".join(map(str, error.absolute_path)) or "config"
    here, value = error.schema, error.instance
    about = here.get("description", "").strip().split("\n")[0]
    about = f" ({about})" if about else ""
    if error.validator == "additionalProperties":
        for key in sorted(set(value) - set(here.get("properties", {}))):
            yield f"{path}: unknown key {key!r}; {_suggestion(key, here, schema)}"
    elif error.validator == "required":
        yield f"{path}: missing {', '.join(key for key in error.validator_value if key not in value)}"
    elif "propertyNames" in error.schema_path:
        yield f"{path}: {error.message}; names use letters, digits, '.', '_', '-' and start with a letter or digit"
    elif error.validator == "type":
        types = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        wanted = " or ".join(WORDS[name] for name in types if name != "null")
        if value is None:
            yield f"{path}: is empty, and must be {wanted}{about}"
        elif "array" in types and isinstance(value, str | int | float):
            yield f"{path}: must be {wanted}: [{value}]{about}"
        else:
            number = re.sub("[,_ ]", "", value) if isinstance(value, str) and {"integer", "number"} & set(types) else ""
            written = f", written as {float(number):.15g}" if re.fullmatch(r"\d+(\.\d+)?(e\d{1,2})?", number) else ""
            yield f"{path}: must be {wanted}{written}, but is {value!r}{about}"
    elif error.validator in ("oneOf", "anyOf"):
        yield f"{path}: {value!r} is not allowed{about}"
    else:
        yield f"{path}: {error.message}{about}"


def _suggestion(key: str, here: dict[str, Any], schema: dict[str, Any]) -> str:
    """Suggestion for an unknown key: its new name, its right place, a similar key, or else the allowed keys."""
    allowed = here.get("properties", {})
    if (new := RENAMED.get(key)) in allowed:
        return f"it is called {new!r} now"
    parts = {"": schema, **{f"{kind}s.*": part for kind, part in schema["$defs"].items()}}

    def holders(within: dict[str, Any], prefix: str) -> list[str]:
        found = (name for name, part in within.get("properties", {}).items() if key in part.get("properties", {}))
        return [f"{prefix}.{name}".lstrip(".") for name in found]

    near = holders(here, "") + [
        name or "no other key" for name, part in parts.items() if key in part.get("properties", {})
    ]
    if not near and (like := difflib.get_close_matches(key, allowed, n=1)):
        return f"did you mean {like[0]!r}?"
    places = near or [place for name, part in parts.items() for place in holders(part, name)]
    return f"it belongs under {' or '.join(places)}" if places else f"allowed: {', '.join(sorted(allowed))}"


def _inconsistencies(config: dict[str, Any]) -> Iterator[str]:
    """Mistakes that the schema cannot express."""
    if mistakes := list(_check_results(config["results"])):
        yield from mistakes
        return
    for kind in ("tasks", "models", "rewards"):
        yield from _check_names(kind, list(config[kind]))
    for name, task in config["tasks"].items():
        yield from _check_task(f"tasks.{name}", task)
    for name, model in config["models"].items():
        yield from _check_model(name, model, config)
    for name, reward in config["rewards"].items():
        yield from _check_reward(f"rewards.{name}", reward, config)
    bins = config["analysis"]["audit"]["bins"]
    if sorted(set(bins)) != bins:
        yield f"analysis.audit.bins: {bins} are not increasing"
    yield from _check_grades("analysis.audit.graded", config)


def _check_results(results: str) -> Iterator[str]:
    if found := re.search(r"[{}<>\x00-\x1f]", results):
        yield f"results: contains {found[0]!r}, which the name of a results folder must not contain"
    elif len(results) > 1000 or any(len(part) > 255 for part in Path(results).parts):
        yield "results: is too long for the name of a folder"


def _check_names(kind: str, names: list[str]) -> Iterator[str]:
    lower: dict[str, str] = {}
    for name in names:
        if len(name) > LONGEST_NAME:
            yield f"{kind}.{name[:20]}…: the name has {len(name)} characters; at most {LONGEST_NAME}"
        elif repeated := re.search(r"(.+?)\1{19}$", name):
            yield f"{kind}.{name}: the name repeats {repeated[1]!r} so often that Snakemake takes it for a mistake"
        if (other := lower.setdefault(name.lower(), name)) != name:
            yield f"{kind}.{name}: differs from {other} only in case, which some file systems ignore"


def _check_grades(where: str, config: dict[str, Any]) -> Iterator[str]:
    for task, files in config["analysis"]["audit"]["graded"].items():
        for model, file in files.items():
            if (task, model) not in pairs(config):
                yield f"{where}.{task}.{model}: the study has no such task and model"
            elif not _is_file(file):
                yield f"{where}.{task}.{model}: no file {file}"
            elif Path(file).resolve().is_relative_to(Path(config["results"]).resolve()):
                yield (
                    f"{where}.{task}.{model}: {file} is in the results folder, where drawing again would overwrite the "
                    "grades; move it elsewhere"
                )


def _check_task(where: str, task: dict[str, Any]) -> Iterator[str]:
    yield from _check_multiple(f"{where}.samples", task["samples"], f"{where}.shard_size", task["shard_size"])
    if task["base"] not in (builtin_tasks.NONE, *builtin_tasks.names()):
        there = ", ".join([*builtin_tasks.names(), builtin_tasks.NONE])
        yield f"{where}.base: {task['base']} is not one of the built-in tasks: {there}"
    yield from _check_dataset(f"{where}.dataset", task["dataset"])
    yield from _check_dataset(f"{where}.examples.dataset", task["examples"]["dataset"])
    if (file := task["examples"]["file"]) is not None and not _is_file(file):
        yield f"{where}.examples.file: no file {file}"
    yield from _check_verifier(where, task)
    for key, template in templates(task).items():
        try:
            compile_template(template)
        except ValueError as error:
            yield f"{where}.{key}: {error}"
        else:
            if key == "prompt" and task["few_shot"] and "examples" not in names_in(template):
                yield f"{where}.few_shot: {task['few_shot']}, but {where}.prompt does not use `examples`"


def _check_multiple(where: str, samples: int | None, of: str, shard: int | None) -> Iterator[str]:
    if samples and shard and samples % shard:
        yield (
            f"{where}: {samples} is not a multiple of the shard size {shard} ({of}); the next is "
            f"{-(-samples // shard) * shard}"
        )


def templates(task: dict[str, Any]) -> dict[str, str]:
    """Templates of a task, by key."""
    reference = task["reference"]
    parts = reference if isinstance(reference, dict) else {"": reference}
    found = {"prompt": task["prompt"], "question": task["question"]}
    found |= {f"reference.{name}".rstrip("."): part for name, part in parts.items()}
    return {key: template for key, template in found.items() if template is not None}


def _check_verifier(where: str, task: dict[str, Any]) -> Iterator[str]:
    name = task["verifier"]
    if name is None:
        return
    if name not in verification.names():
        yield f"{where}.verifier: {name} is not one of the verifiers: {', '.join(verification.names())}"
    elif task["second_opinion"] and verification.load(name).second_grader is None:
        yield f"{where}.second_opinion: the verifier {name} has none; set it to false"
    elif task["lists"] != "whole" and not verification.load(name).lists:
        yield f"{where}.lists: the verifier {name} does not compare lists; leave it out"
    if (task["reference"] is None) == (task["columns"]["reference"] is None):
        yield f"{where}: needs {where}.columns.reference or a template {where}.reference for its verifier, not both"


def _check_model(name: str, model: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
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
        for key in _required_task_keys(model):
            if tasks[task][key] is None and not (key in COUNTS and task in model[key]):
                yield f"tasks.{task}: missing {key}, which {where} needs"
    yield from _check_counts(name, model, config)
    (source,) = sources
    yield from {
        "weights": _check_weights,
        "endpoint": _check_endpoint,
        "published": _check_published,
        "outcomes": _check_outcomes,
    }[source](where, model)


def _check_counts(name: str, model: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    """Mistakes in a model's own numbers of samples and shard sizes."""
    where = f"models.{name}"
    for key in COUNTS:
        if model[key] and model["outcomes"] is not None:
            yield f"{where}.{key}: the model has outcomes, whose files say how many samples there are; leave it out"
        for task in model[key]:
            if task not in model["tasks"]:
                yield f"{where}.{key}.{task}: the model has no such task; {where}.tasks: {', '.join(model['tasks'])}"
    for task in model["tasks"]:
        # otherwise the mistake is reported for the task
        if task in config["tasks"] and any(task in model[key] for key in COUNTS):
            samples_key, shard_key = (
                f"{where}.{key}.{task}" if task in model[key] else f"tasks.{task}.{key}" for key in COUNTS
            )
            yield from _check_multiple(
                samples_key, samples(config, task, name), shard_key, shard_size(config, task, name)
            )


def _check_reward(where: str, reward: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    if where == "rewards.logprob":
        yield f"{where}: is the sampler's own log-probability; choose another name"
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
    yield from _check_model_folder(where, reward)


def scores(reward: dict[str, Any], config: dict[str, Any], task: str, model: str) -> bool:
    """Whether a reward model scores the samples of this task and model."""
    chosen = task in reward["tasks"] and (reward["models"] is None or model in reward["models"])
    return chosen and config["models"][model]["outcomes"] is None


def _required_task_keys(model: dict[str, Any]) -> tuple[str, ...]:
    """Task keys that must be set for a model with this source."""
    if model["outcomes"] is not None:
        return ()
    if model["published"] is not None and not model["published"]["verify"]:
        return ("samples", "shard_size")
    return ("dataset", "prompt", "verifier", "samples", "shard_size")


def _check_weights(where: str, model: dict[str, Any]) -> Iterator[str]:
    yield from _check_model_folder(where, model)
    for mistake in engine_arguments.mistakes(model["engine"]):
        yield f"{where}.engine.arguments: {mistake}"


def _check_model_folder(where: str, model: dict[str, Any]) -> Iterator[str]:
    weights = model["weights"]
    if not _is_path(weights):
        if model["revision"] is None:
            yield (
                f"{where}.revision: a model from the hub needs one, so that all shards come from the same weights; "
                f"its commits are listed on https://huggingface.co/{weights}/commits/main"
            )
    elif not _is_file(f"{weights}/config.json"):
        yield (
            f"{where}.weights: no model in the folder {weights} (config.json is missing); "
            "give a folder in Hugging Face format, or a hub id such as meta-llama/Meta-Llama-3-8B-Instruct"
        )


def _check_endpoint(where: str, model: dict[str, Any]) -> Iterator[str]:
    address = model["endpoint"]["base_url"]
    if "@" in address.partition("://")[2].partition("/")[0]:
        yield (
            f"{where}.endpoint.base_url: contains a user name or password; put the key into an environment variable "
            f"and name that in {where}.endpoint.api_key_env"
        )
        return
    try:
        parts = urlsplit(address)
        usable = parts.hostname and parts.port != 0 and address.isprintable() and " " not in address
    except ValueError:
        usable = False
    if not usable:
        yield f"{where}.endpoint.base_url: {address!r} is not a URL such as http://localhost:8000/v1"


def _check_published(where: str, model: dict[str, Any]) -> Iterator[str]:
    published = model["published"]
    yield from _check_dataset(f"{where}.published.dataset", published["dataset"])
    if not _is_path(published["dataset"]) and published["revision"] is None:
        yield f"{where}.published.revision: a dataset from the hub needs one, so that all shards come from one release"
    for task in model["tasks"]:
        if task not in published["subsets"]:
            yield f"{where}.published.subsets: none for task {task}"


def _check_outcomes(where: str, model: dict[str, Any]) -> Iterator[str]:
    for task in model["tasks"]:
        if task not in model["outcomes"]:
            yield f"{where}.outcomes: no file for task {task}"
        elif not _is_file(path := outcomes_of(model, task)[0]):
            yield f"{where}.outcomes.{task}: no file {path}"


def _check_dataset(where: str, dataset: str | None) -> Iterator[str]:
    if dataset is None or not _is_path(dataset) or _is_dir(dataset):
        return
    if _is_file(dataset):
        yield (
            f"{where}: {dataset} is a file; give its folder, with the file named after the split, such as "
            f"test{Path(dataset).suffix}"
        )
    else:
        yield f"{where}: no folder {dataset}; give a folder, or a hub id such as openai/gsm8k"


def _is_dir(path: str) -> bool:
    """Whether a path is a folder; False for text that cannot be a path."""
    try:
        return Path(path).is_dir()
    except OSError:
        return False


def _is_file(path: str) -> bool:
    """Whether a path is a file; False for text that cannot be a path."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def _is_path(text: str) -> bool:
    """Whether a dataset or model is given as a folder and not as a hub id (`name` or `organisation/name`)."""
    return _is_dir(text) or len(text) > 200 or re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", text) is None


_SOURCE = ("base", "dataset", "revision", "subset", "split")


def prompt_settings(task: dict[str, Any]) -> dict[str, Any]:
    """Task settings that the prompts depend on."""
    keys = (*_SOURCE, "problems", "problem_seed", "few_shot", "examples", "prompt")
    return {key: task[key] for key in keys} | {"id": task["columns"]["id"]}


def problem_settings(task: dict[str, Any]) -> dict[str, Any]:
    """Task settings that the problems file depends on, besides those of its prompts."""
    return {key: task[key] for key in (*_SOURCE, "columns", "question", "prompt", "reference", "verifier")}


def sampling_settings(config: dict[str, Any], task: str, model: str) -> dict[str, Any]:
    """Sampling settings of a model on a task: the task's, overridden by the model's."""
    return {**config["tasks"][task]["sampling"], **config["models"][model]["sampling"]}


def distribution(config: dict[str, Any], task: str, model: str) -> dict[str, Any]:
    """Everything in the config that the distribution of a model's samples depends on, except the prompts.

    Changing any of it triggers resampling; nothing else does. A server's address is not part of it.
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
    if about["on_context_overflow"] == "truncate":
        own["overlong_prompts"] = "cut"
    return {**own, "sampling": sampling}


def outcomes_of(model: dict[str, Any], task: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """File with a model's outcomes on a task, its column names, and the values that select its rows."""
    entry = model["outcomes"][task]
    if isinstance(entry, str):
        return entry, {}, {}
    return entry["file"], entry.get("columns", {}), entry.get("where", {})


def samples(config: dict[str, Any], task: str, model: str) -> int:
    """Samples per problem of a model on a task: the model's own number, or else the task's."""
    return config["models"][model]["samples"].get(task, config["tasks"][task]["samples"])


def shard_size(config: dict[str, Any], task: str, model: str) -> int:
    """Samples per problem in a shard of a task and model: the model's own number, or else the task's."""
    return config["models"][model]["shard_size"].get(task, config["tasks"][task]["shard_size"])


def shards(config: dict[str, Any], task: str, model: str) -> range:
    """Indices of the shards of a task and model."""
    return range(samples(config, task, model) // shard_size(config, task, model))


def verdict_stage(config: dict[str, Any], model: str) -> str:
    """Folder of the verdicts that count: `verdicts` (ours), or `published` (those that came with the samples)."""
    published = config["models"][model]["published"]
    return "published" if published and not published["verify"] else "verdicts"


def pairs(config: dict[str, Any]) -> list[tuple[str, str]]:
    """All (task, model) pairs of the study, by task, in the config's order."""
    return [
        (task, name) for task in config["tasks"] for name, model in config["models"].items() if task in model["tasks"]
    ]


def told(path: str | Path) -> str:
    """Warnings on a config file and whether it can be run. Unlike Snakemake, it says what is wrong with broken YAML.

    Raises:
        ConfigError: the config is invalid.
    """
    twice = read(path)
    config = yaml.safe_load(Path(path).read_text())
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: must be {WORDS['object'].partition(',')[0]}")
    return "\n".join([f"WARNING {line}" for line in [*twice, *doubtful(checked(config))]] + [f"{path} can be run"])


if __name__ == "__main__":
    try:
        print(told(sys.argv[1]))
    except (ConfigError, OSError) as error:
        raise SystemExit(f"ERROR {error}") from None
