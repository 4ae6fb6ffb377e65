"""What a config says about a task."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from monkeys.settings import (
    AsWritten,
    Count,
    Distinct,
    MaxTokens,
    MinP,
    Settings,
    Temperature,
    Text,
    TopK,
    TopP,
)


def _texts(value: Any) -> Any:
    """A text, a list of texts, or null."""
    if value is None or isinstance(value, str) or (_is_texts(value) and value):
        return value
    raise PydanticCustomError("not_allowed", "text or a list of texts")


def _text_or_parts(value: Any) -> Any:
    """A text, texts by name, or null."""
    by_name = isinstance(value, dict) and all(isinstance(text, str) for item in value.items() for text in item)
    if value is None or isinstance(value, str) or by_name:
        return value
    raise PydanticCustomError("not_allowed", "text, or texts by name")


def _problems(value: Any) -> Any:
    """`all`, a number from 1, or distinct ids."""
    some = type(value) is int and value >= 1
    ids = _is_texts(value) and value and len(set(value)) == len(value)
    if value == "all" or some or ids:
        return value
    raise PydanticCustomError("not_allowed", "all, a number from 1, or a list of distinct ids")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}

Subset = Annotated[
    Any, BeforeValidator(_texts), WithJsonSchema({"anyOf": [{"type": "string"}, _TEXTS, {"type": "null"}]})
]
Reference = Annotated[
    Any,
    BeforeValidator(_text_or_parts),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "additionalProperties": {"type": "string"}},
                {"type": "null"},
            ]
        }
    ),
]
Problems = Annotated[
    Any,
    BeforeValidator(_problems),
    WithJsonSchema({"oneOf": [{"const": "all"}, {"type": "integer", "minimum": 1}, _TEXTS | {"uniqueItems": True}]}),
]


class Dataset(Settings):
    """A split of a dataset."""

    dataset: Text | None = None
    """A Hugging Face dataset id, or a folder that datasets.load_dataset understands."""
    revision: str | None = None
    """Commit, tag or branch of the hub dataset; it is resolved once, and the study stays pinned to that commit. null
    takes main."""
    subset: Subset = None
    """The dataset's configuration name if it has several, or a list of them."""


class Columns(Settings):
    """Which columns of the dataset hold what."""

    id: str | None = None
    """Column of unique problem ids; null numbers the rows from 0."""
    reference: str | None = None
    """Column with what the verifier needs (gold solution; list of {input, output} test cases); null if the task has a
    template for it."""
    cpu_seconds: str | None = None
    """Column of a problem's own limits.cpu_seconds, where it has one."""
    memory_mb: str | None = None
    """Column of a problem's own limits.memory_mb, where it has one."""


class Examples(Dataset):
    """Where worked examples come from; dataset, revision and subset are the problems' own where they are null."""

    split: str = "train"
    """Split that holds them."""
    ids: Annotated[list[str], Field(min_length=1)] | None = None
    """Fixed examples, by id and in this order; null draws them."""
    file: str | None = None
    """Local copy of the file that holds a built-in task's fixed examples, for machines that cannot reach its source."""


class Flagged(Settings):
    """Problems whose verdicts are known to be doubtful, by id; coverage is also shown without them."""

    flaky: Distinct = []
    """Problems whose verdicts change from run to run."""
    false_negative: Distinct = []
    """Problems whose tests or gold answer reject right answers."""


class Sampling(Settings):
    """How the task is sampled; a model's own settings override it."""

    temperature: Temperature = 1.0
    """Sampling temperature, above 0 (repeated samples of a deterministic model are all the same)."""
    top_p: TopP = 1.0
    """Nucleus sampling: probability mass in (0, 1]."""
    top_k: TopK = 0
    """Sample from this many most likely tokens; 0 samples from all."""
    min_p: MinP = 0.0
    """Smallest probability relative to the most likely token, in [0, 1]."""
    max_tokens: MaxTokens = 512
    """Maximum length of a sample, tokens."""
    stop: list[Text] = []
    """Strings that end a sample."""
    include_stop: bool = False
    """Keep the stop string in the text."""


class Limits(Settings):
    """What one run of a sample's program, or one comparison of math answers, may use."""

    cpu_seconds: Annotated[float, Field(gt=0, le=3600), AsWritten] = 5
    """CPU time, seconds."""
    memory_mb: Annotated[int, Field(ge=64, le=10_000_000)] = 1024
    """Address space, MiB."""


class Task(Dataset):
    """A task. Which keys are required depends on the models' sources; outcomes need only the task's name."""

    base: str = "none"
    """The built-in task whose settings this one starts from, or none; by default the one of the same name."""
    split: str = "test"
    """Split that holds the problems."""
    columns: Columns = Columns()
    """Which columns of the dataset hold what."""
    reference: Reference = None
    """What the verifier needs, made of several columns: a Jinja2 template, or one for each of its parts (verifier
    functions: before, after)."""
    prompt: Text | None = None
    """Jinja2 template of the prompt over the dataset's columns and `examples`, a list of rows; the model continues it
    as raw text."""
    question: str | None = None
    """Jinja2 template of the question as people read it; null takes the prompt."""
    problems: Problems = "all"
    """all, a number of problems (a random subset; more problems hold those of fewer), or a list of ids."""
    problem_seed: int = 0
    """Seed by which problems and worked examples are drawn; 0 draws those of the paper."""
    few_shot: Annotated[int, Field(ge=0, le=1000)] = 0
    """Worked examples that a prompt shows, drawn for every problem if they are not fixed."""
    examples: Examples = Examples()
    """Where worked examples come from."""
    verifier: str | None = None
    """Who decides whether a sample is correct: a module of monkeys.verification.verifiers."""
    flagged: Flagged = Flagged()
    """Problems whose verdicts are known to be doubtful, by id; coverage is also shown without them."""
    lists: Literal["whole", "first"] = "whole"
    """How the verifier minerva compares answers such as `1,2`: as a whole, or by the first element alone, as the
    paper's grader did."""
    second_opinion: bool = False
    """Have every math answer judged by Math-Verify, too, and compare both in a table."""
    samples: Count | None = None
    """Samples per problem, a positive multiple of shard_size."""
    shard_size: Count | None = None
    """Samples per problem and shard; a shard is one sampling job and one file."""
    sampling: Sampling = Sampling()
    """How the task is sampled; a model's own settings override it."""
    limits: Limits = Limits()
    """What one run of a sample's program, or one comparison of math answers, may use."""

    def templates(self) -> dict[str, str]:
        """All templates, by key."""
        parts = self.reference if isinstance(self.reference, dict) else {"": self.reference}
        found = {"prompt": self.prompt, "question": self.question}
        found |= {f"reference.{name}".rstrip("."): part for name, part in parts.items()}
        return {key: template for key, template in found.items() if template is not None}

    def prompt_settings(self) -> dict[str, Any]:
        """Settings that the prompts depend on."""
        keys = {*_SOURCE, "problems", "problem_seed", "few_shot", "examples", "prompt"}
        return self.model_dump(include=keys) | {"id": self.columns.id}

    def problem_settings(self) -> dict[str, Any]:
        """Settings that the problems file depends on, besides those of its prompts."""
        return self.model_dump(include={*_SOURCE, "columns", "question", "prompt", "reference", "verifier"})


_SOURCE = ("base", "dataset", "revision", "subset", "split")
