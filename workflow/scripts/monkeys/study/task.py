"""What a config says about a task."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from monkeys import verification
from monkeys.sampling.settings import Sampling
from monkeys.settings import AsWritten, Count, Distinct, Json, Settings, Text


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


def _dates_as_text(value: Any) -> Any:
    """A mapping whose dates, which YAML reads from 2025-01-31, are texts again."""
    if not isinstance(value, dict):
        return value
    return {key: one.isoformat() if isinstance(one, date) else one for key, one in value.items()}


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
    """Commit, tag or branch of the hub dataset; a tag or branch is resolved once, and the study stays pinned to that
    commit. null uses main."""
    subset: Subset = None
    """The dataset's configuration name if it has several, or a list of them."""


class Columns(Settings):
    """Columns of the dataset, by their role."""

    id: str | None = None
    """Column of unique problem ids; null numbers the rows from 0."""
    reference: str | None = None
    """Column with the verifier's reference (gold solution; list of {input, output} test cases); null if the task has a
    template for it."""
    cpu_seconds: str | None = None
    """Column with limits.cpu_seconds for individual problems; null if there is none."""
    memory_mb: str | None = None
    """Column with limits.memory_mb for individual problems; null if there is none."""


class Examples(Dataset):
    """Where worked examples come from; dataset, revision and subset are the problems' own where they are null."""

    split: str = "train"
    """Split that holds them."""
    ids: Annotated[list[str], Field(min_length=1)] | None = None
    """Ids of fixed examples, in this order; null draws examples."""
    file: str | None = None
    """Local copy of the file with a built-in task's fixed examples, for machines that cannot reach its source."""


class VerifierErrors(Settings):
    """How often the verifier errs, such as from an audit; coverage is also shown corrected for it."""

    false_positive: Annotated[float, Field(ge=0, lt=1), AsWritten] = 0.0
    """Fraction of wrong samples that it accepts."""
    false_negative: Annotated[float, Field(ge=0, lt=1), AsWritten] = 0.0
    """Fraction of correct samples that it rejects."""


class Flagged(Settings):
    """Ids of problems whose verdicts are known to be unreliable; coverage is also shown without them."""

    flaky: Distinct = []
    """Problems whose verdicts change from run to run."""
    false_negative: Distinct = []
    """Problems whose tests or gold answer reject correct answers."""


class Limits(Settings):
    """Resource limits of one run of a sample's program, or of one comparison of math answers."""

    cpu_seconds: Annotated[float, Field(gt=0, le=3600), AsWritten] = verification.Settings.cpu_seconds
    """CPU time, seconds."""
    memory_mb: Annotated[int, Field(ge=64, le=10_000_000)] = verification.Settings.memory_mb
    """Address space, MiB."""


class Task(Dataset):
    """A task. Which keys are required depends on the models' sources; outcomes need only the task's name."""

    base: str = "none"
    """Built-in task that provides the defaults, or none; by default, the one with the same name."""
    options: Annotated[Json, BeforeValidator(_dates_as_text)] = {}
    """The built-in task's own options, for tasks that have some."""
    split: str = "test"
    """Split with the problems."""
    columns: Columns = Columns()
    """Columns of the dataset, by their role."""
    reference: Reference = None
    """The verifier's reference, built from several columns: a Jinja2 template, or one for each part (verifier
    functions: before, after)."""
    prompt: Text | None = None
    """Jinja2 template of the prompt; variables are the dataset's columns and `examples`, a list of rows. The model
    continues it as raw text, unless `chat` is set."""
    question: str | None = None
    """Jinja2 template of the question as shown to people and reward models; null uses the prompt."""
    problems: Problems = "all"
    """all, a number of problems (a random subset; larger subsets contain smaller ones), or a list of ids."""
    problem_seed: int = 0
    """Seed for drawing problems and worked examples; 0 draws those of the paper."""
    few_shot: Annotated[int, Field(ge=0, le=1000)] = 0
    """Number of worked examples in a prompt, drawn for every problem unless they are fixed."""
    examples: Examples = Examples()
    """Source of the worked examples."""
    verifier: str | None = None
    """Verifier that decides whether a sample is correct: a module of monkeys.verification.verifiers."""
    verifier_options: Json = {}
    """The verifier's own options, for verifiers that have some."""
    guesses: str | None = None
    """Split of the dataset whose most frequent answers are guessed one after the other, as a baseline of coverage; null
    for none. Verifiers that compare answers only."""
    verifier_errors: VerifierErrors | None = None
    """How often the verifier errs, such as from an audit; coverage is also shown corrected for it. null if unknown."""
    flagged: Flagged = Flagged()
    """Ids of problems whose verdicts are known to be unreliable; coverage is also shown without them."""
    lists: Literal["whole", "first"] = "whole"
    """How the verifier minerva compares lists such as `1,2`: as a whole, or by the first element alone, as the paper's
    grader did."""
    second_opinion: bool = False
    """Also judge every math answer with Math-Verify, and compare both graders in a table."""
    samples: Count | None = None
    """Samples per problem, a positive multiple of shard_size."""
    shard_size: Count | None = None
    """Samples per problem and shard; a shard is one sampling job and one file."""
    sampling: Sampling = Sampling()
    """Sampling settings of the task; a model's own settings override them."""
    limits: Limits = Limits()
    """Resource limits of one run of a sample's program, or of one comparison of math answers."""

    def templates(self) -> dict[str, str]:
        """All templates, by key."""
        parts = self.reference if isinstance(self.reference, dict) else {"": self.reference}
        found = {"prompt": self.prompt, "question": self.question}
        found |= {f"reference.{name}".rstrip("."): part for name, part in parts.items()}
        return {key: template for key, template in found.items() if template is not None}

    def prompt_settings(self) -> Json:
        """Settings that the prompts depend on."""
        keys = {*_SOURCE, "problems", "problem_seed", "few_shot", "examples", "prompt"}
        return self.model_dump(include=keys) | {"id": self.columns.id} | self._options_if_any()

    def problem_settings(self) -> Json:
        """Settings that the problems file depends on, besides those of its prompts."""
        keys = {*_SOURCE, "columns", "question", "prompt", "reference", "verifier"}
        return self.model_dump(include=keys) | self._options_if_any()

    def _options_if_any(self) -> Json:
        """The options; left out if there are none, so that tasks without options keep their digests."""
        return {"options": self.options} if self.options else {}


_SOURCE = ("base", "dataset", "revision", "subset", "split")
