"""Sampling settings of a task, and those of a model that override them."""

from collections.abc import Mapping
from typing import Any, Self

from monkeys.settings import Json, MaxTokens, MinP, Settings, Temperature, Text, TopK, TopP


class Sampling(Settings):
    """Sampling settings of the task; a model's own settings override them."""

    temperature: Temperature = 1.0
    """Sampling temperature, above 0 (repeated samples of a deterministic model are all the same)."""
    top_p: TopP = 1.0
    """Nucleus sampling, probability mass in (0, 1]."""
    top_k: TopK = 0
    """Sample from this many most likely tokens; 0 for all."""
    min_p: MinP = 0.0
    """Minimum token probability relative to the most likely token, in [0, 1]."""
    max_tokens: MaxTokens = 512
    """Maximum length of a sample, tokens."""
    stop: list[Text] = []
    """Strings that end a sample."""
    include_stop: bool = False
    """Keep the stop string in the text."""
    logprobs: bool | None = None
    """Store each sample's log-probability, for the reward `logprob`. null stores it where answers are voted on; it
    takes time. Changing it never triggers resampling."""
    strategy: Text = "iid"
    """How a sample is made: iid (each is one completion of the prompt), or another module of
    monkeys.sampling.strategies."""
    strategy_options: Json = {}
    """The strategy's own options, for strategies that have some."""

    def overridden(self, own: "OwnSampling") -> Self:
        """These settings with those of a model instead where it has its own."""
        return self.replaced(own.model_dump(exclude_none=True))

    def replaced(self, values: Mapping[str, Any]) -> Self:
        """These settings with some other values, which are checked."""
        return self.model_validate({**self.model_dump(), **values})

    def distribution(self, strategy_version: int) -> Json:
        """What the samples' distribution depends on.

        It is digested: a key that is renamed or added here, other than for a strategy, invalidates all samples.
        """
        strategy = {"name": self.strategy, "version": strategy_version, "options": self.strategy_options}
        settings = self.model_dump(exclude={"logprobs", "strategy", "strategy_options"})
        return settings if self.strategy == "iid" else {**settings, "strategy": strategy}


class OwnSampling(Settings):
    """Sampling settings that override those of the tasks; null keeps the task's."""

    temperature: Temperature | None = None
    """Sampling temperature, above 0 (repeated samples of a deterministic model are all the same)."""
    top_p: TopP | None = None
    """Nucleus sampling, probability mass in (0, 1]."""
    top_k: TopK | None = None
    """Sample from this many most likely tokens; 0 for all."""
    min_p: MinP | None = None
    """Minimum token probability relative to the most likely token, in [0, 1]."""
    max_tokens: MaxTokens | None = None
    """Maximum length of a sample, tokens."""
    stop: list[Text] | None = None
    """Strings that end a sample."""
    include_stop: bool | None = None
    """Keep the stop string in the text."""
    logprobs: bool | None = None
    """Store each sample's log-probability."""
    strategy: Text | None = None
    """How a sample is made."""
    strategy_options: Json | None = None
    """The strategy's own options."""
