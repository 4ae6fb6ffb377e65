"""What the config says of one reward model."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from monkeys.rewards import SCORER_VERSION
from monkeys.study.reward import Reward as RewardSettings


@dataclass(frozen=True)
class Reward:
    """A reward model, what it is shown, and how it is executed."""

    name: str
    weights: str
    """Hugging Face id, or a folder."""
    commit: str | None
    """Which commit of the id; None for a folder."""
    chat: bool
    """Show it a chat of two turns, the problem and the sample; else the problem and, right behind it, the sample."""
    context: Literal["question", "prompt"]
    """Which column of the problems file stands for the problem."""
    max_length: int | None
    """The most tokens that it is shown of both together; None for what its context holds."""
    batch_tokens: int
    """Tokens of one forward pass, padding included."""
    dtype: str = "auto"
    """Of its weights and activations: a name that torch knows, or `auto` for that of the files."""
    trust_remote_code: bool = False
    """Run code that comes with the weights."""

    @classmethod
    def of(cls, name: str, settings: RewardSettings, commit: str | None) -> Self:
        """The reward model that a study's config describes, at this commit."""
        keys = ("weights", "chat", "context", "max_length", "batch_tokens", "dtype", "trust_remote_code")
        return cls(name=name, commit=commit, **{key: getattr(settings, key) for key in keys})

    def longest(self, context: int | None) -> int:
        """Tokens that it may be shown at once.

        Args:
            context: What the model holds; None if it does not tell.

        Raises:
            ValueError: the config wants more than the context holds, or nobody tells.
        """
        longest = self.max_length or context
        if longest is None:
            raise self.mistake("max_length", f"{self.weights} does not tell its context; give a number")
        if context is not None and longest > context:
            raise self.mistake("max_length", f"{longest} exceeds the model's context of {context} tokens")
        return longest

    def refuse_missing_template(self, tokenizer: Any) -> None:
        """See that there is a template for a chat.

        Raises:
            ValueError: there is none.
        """
        if self.chat and not tokenizer.chat_template:
            raise self.mistake("chat", "is true, but its tokenizer has no chat template")

    def settings(self) -> dict[str, Any]:
        """What the rewards depend on, but for the samples and rounding."""
        return {
            "scorer_version": SCORER_VERSION,
            "weights": self.weights,
            "commit": self.commit,
            "chat": self.chat,
            "about": self.context,
            "max_length": self.max_length,
        }

    def mistake(self, key: str, what: str) -> ValueError:
        """The error that names a key of the config."""
        return ValueError(f"rewards.{self.name}.{key}: {what}")
