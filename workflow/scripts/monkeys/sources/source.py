"""What every source of a model's samples or outcomes says about itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from monkeys.settings import Json

if TYPE_CHECKING:
    from monkeys.study.model import Model


class Source(ABC):
    """Where the samples or outcomes of one model come from.

    A source is a module of `monkeys.sources` that defines a subclass of this. It adds the key of the module's name to
    models; a model has exactly one of these keys.

    Args:
        settings: The value of that key.
        model: The model's other settings.
    """

    Settings: ClassVar[Any]
    """Type of the key's value, such as a class of settings; its docstring describes the key."""

    rule: ClassVar[str | None] = None
    """Rule that brings the samples in; None for a source without samples."""

    counts_tokens: ClassVar[bool] = False
    """Whether samples have token counts and log-probabilities."""

    def __init__(self, settings: Any, model: "Model") -> None:
        self.settings = settings
        self.model = model

    @classmethod
    def key(cls) -> str:
        """The model's key that names this source."""
        return cls.__module__.rpartition(".")[2]

    @property
    def needs(self) -> tuple[str, ...]:
        """Keys that a task must have for the model to be measured on it."""
        return ("dataset", "prompt", "verifier", "samples", "shard_size")

    @property
    def judged(self) -> str:
        """How the model's verdicts came about, for the report."""
        return "sampled repeatedly, every sample verified"

    @property
    def samples_per_request(self) -> int:
        """Samples that share what their prompt costs."""
        return 1

    @property
    def has_samples(self) -> bool:
        """Whether there are texts, not just outcomes."""
        return self.rule is not None

    @property
    def verified(self) -> bool:
        """Whether the task's verifier judges the samples."""
        return self.has_samples

    @property
    @abstractmethod
    def origin(self) -> str:
        """Name of what is sampled, or of where samples were published, for the report."""

    @abstractmethod
    def distribution(self, task: str, sampling: Json) -> Json:
        """All settings that the distribution of the model's samples of a task depends on, except the prompts.

        They are digested: a key that is renamed or added here invalidates all samples of this source.
        """

    @abstractmethod
    def mistakes(self, where: str) -> Iterator[str]:
        """Mistakes in the settings that their types cannot express, a line each.

        Args:
            where: The model's path in the config, such as `models.gemma`.
        """
