"""How a reward model is told of a problem and a sample: as one text, and how that is shortened if it is too long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monkeys.rewards.reward import Reward


@dataclass(frozen=True)
class Worded:
    """What a reward model sees of one sample."""

    tokens: list[int]
    cut: str | None = None
    """What had to lose its beginning to fit, `problem` or `sample`; None if nothing."""


class Wording:
    """Turns problems and samples into tokens.

    Args:
        reward: The reward model's config.
        tokenizer: Its tokenizer.
        longest: Tokens that problem and sample may have together, the chat template's included.

    Raises:
        ValueError: a chat without a template.
    """

    def __init__(self, reward: Reward, tokenizer: Any, longest: int) -> None:
        reward.refuse_missing_template(tokenizer)
        self.reward = reward
        self.tokenizer = tokenizer
        self.longest = longest

    def words(self, pairs: Sequence[tuple[str, str]]) -> list[Worded]:
        """What the model sees of each pair of a problem's text and a sample."""
        return [
            Worded(tokens) if len(tokens) <= self.longest else self._shortened(*pair, len(tokens))
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
        # a template writes the special tokens itself
        return self.tokenizer(texts, add_special_tokens=not self.reward.chat)["input_ids"]

    def _shortened(self, problem: str, sample: str, length: int) -> Worded:
        """What is left of a pair of `length` tokens when the problem, and only then the sample, loses its beginning.

        The text is shortened before it goes into the template, so that the template stays whole.
        """
        for part in ("problem", "sample"):
            tokens = self.tokenizer.encode(problem if part == "problem" else sample, add_special_tokens=False)
            dropped = 0
            while dropped < len(tokens):
                dropped += length - self.longest
                rest = self.tokenizer.decode(tokens[dropped:])
                (shorter,) = self._tokens([(rest, sample) if part == "problem" else ("", rest)])
                length = len(shorter)
                if length <= self.longest:
                    return Worded(shorter, part)
        raise self.reward.mistake("max_length", f"{self.longest} tokens do not even hold the chat template")
