"""Input of a reward model: problem and sample as one text, truncated if it is too long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monkeys.rewards.reward import RewardModelConfig


@dataclass(frozen=True)
class ModelInput:
    """Input of a reward model for one sample."""

    tokens: list[int]
    cut: str | None = None
    """The part whose beginning was cut to fit, `problem` or `sample`; None for neither."""


class InputBuilder:
    """Converts problems and samples to tokens.

    Args:
        reward: The reward model's config.
        tokenizer: Its tokenizer.
        token_limit: Maximum tokens of problem and sample together, including the chat template.

    Raises:
        ValueError: a chat without a template.
    """

    def __init__(self, reward: RewardModelConfig, tokenizer: Any, token_limit: int) -> None:
        reward.check_chat_template(tokenizer)
        self.reward = reward
        self.tokenizer = tokenizer
        self.token_limit = token_limit

    def build(self, pairs: Sequence[tuple[str, str]]) -> list[ModelInput]:
        """Inputs for pairs of a problem's text and a sample."""
        return [
            ModelInput(tokens) if len(tokens) <= self.token_limit else self._truncated(*pair, len(tokens))
            for pair, tokens in zip(pairs, self._tokens(pairs), strict=True)
        ]

    def _tokens(self, pairs: Sequence[tuple[str, str]]) -> list[list[int]]:
        if self.reward.chat:
            turns = [
                [{"role": "user", "content": problem}, {"role": "assistant", "content": sample}]
                for problem, sample in pairs
            ]
            texts = self.tokenizer.apply_chat_template(turns, tokenize=False)
        else:
            texts = [problem + sample for problem, sample in pairs]
        # a chat template adds the special tokens itself
        return self.tokenizer(texts, add_special_tokens=not self.reward.chat)["input_ids"]

    def _truncated(self, problem: str, sample: str, length: int) -> ModelInput:
        """Truncate a pair of `length` tokens: cut the beginning of the problem first, then of the sample.

        Texts are cut before they are put into the template, so that the template stays intact.
        """
        for part in ("problem", "sample"):
            tokens = self.tokenizer.encode(problem if part == "problem" else sample, add_special_tokens=False)
            dropped = 0
            while dropped < len(tokens):
                dropped += length - self.token_limit
                rest = self.tokenizer.decode(tokens[dropped:])
                (shorter,) = self._tokens([(rest, sample) if part == "problem" else ("", rest)])
                length = len(shorter)
                if length <= self.token_limit:
                    return ModelInput(shorter, part)
        raise self.reward.config_error("max_length", f"{self.token_limit} tokens are too few for the chat template")
