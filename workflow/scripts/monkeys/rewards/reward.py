"""Config of a reward model."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from monkeys.rewards import SCORER_VERSION
from monkeys.study.reward import Reward as RewardSettings


@dataclass(frozen=True)
class RewardModelConfig:
    """A reward model, its input, and how it is run."""

    name: str
    weights: str
    """Hugging Face id, or a folder."""
    commit: str | None
    """Commit of the id; None for a folder."""
    chat: bool
    """Input as a chat of two turns, problem and sample; otherwise the sample directly follows the problem."""
    context: Literal["question", "prompt"]
    """Column of the problems file that represents the problem."""
    max_length: int | None
    """Maximum tokens of problem and sample together; None for the model's context length."""
    batch_tokens: int
    """Maximum tokens per forward pass, including padding."""
    dtype: str = "auto"
    """Type of weights and activations: a torch dtype, or `auto` for the type in the files."""
    trust_remote_code: bool = False
    """Run code that comes with the weights."""

    @classmethod
    def of(cls, name: str, settings: RewardSettings, commit: str | None) -> Self:
        """The reward model of a study's config at this commit."""
        keys = ("weights", "chat", "context", "max_length", "batch_tokens", "dtype", "trust_remote_code")
        return cls(name=name, commit=commit, **{key: getattr(settings, key) for key in keys})

    def token_limit(self, context: int | None) -> int:
        """Maximum length of its input in tokens.

        Args:
            context: The model's context length; None if unknown.

        Raises:
            ValueError: `max_length` exceeds the context, or both are unknown.
        """
        limit = self.max_length or context
        if limit is None:
            raise self.config_error("max_length", f"{self.weights} does not state its context length; set a number")
        if context is not None and limit > context:
            raise self.config_error("max_length", f"{limit} exceeds the model's context of {context} tokens")
        return limit

    def check_chat_template(self, tokenizer: Any) -> None:
        """Check that the tokenizer has a chat template if `chat` is set.

        Raises:
            ValueError: it has none.
        """
        if self.chat and not tokenizer.chat_template:
            raise self.config_error("chat", "is true, but its tokenizer has no chat template")

    def settings(self) -> dict[str, object]:
        """What the rewards depend on besides the samples and rounding."""
        return {
            "scorer_version": SCORER_VERSION,
            "weights": self.weights,
            "commit": self.commit,
            "chat": self.chat,
            "about": self.context,
            "max_length": self.max_length,
        }

    def config_error(self, key: str, problem: str) -> ValueError:
        """An error that names the key in the study's config."""
        return ValueError(f"rewards.{self.name}.{key}: {problem}")
