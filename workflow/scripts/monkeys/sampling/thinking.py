"""Thinking of reasoning models: where it ends, and how it is kept apart from the answer."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from monkeys.settings import PositiveInt, Settings, Text


class Thinking(Settings):
    """Thinking of a reasoning model."""

    start: Text = "<think>"
    """Text that begins the thinking; some templates have it at the end of the prompt."""
    end: Text = "</think>"
    """Text that ends the thinking."""
    max_tokens: PositiveInt | None = None
    """Maximum length of the thinking, tokens, after which vLLM makes the model answer; null for none of its own. It
    counts towards sampling.max_tokens. For a server, use endpoint.parameters."""
    keep: bool = True
    """Store the thinking in the samples' column `reasoning`; if false, only its length. Changing it never triggers
    resampling."""


class Parts(NamedTuple):
    """A sample's thinking and answer."""

    reasoning: str
    text: str
    """What follows the thinking; empty if the thinking did not end."""


def split(text: str, thinking: Thinking, begun: bool) -> Parts:
    """A sample's thinking and the text after it, without the markers.

    Args:
        text: The whole sample.
        thinking: The markers.
        begun: The prompt ends within the thinking.
    """
    before, end, after = text.partition(thinking.end)
    starts = before.lstrip().startswith(thinking.start)
    if not (end or starts or begun):
        return Parts("", text)
    reasoning = before.lstrip().removeprefix(thinking.start) if starts else before
    return Parts(reasoning.strip(), after)


def begins_thinking(prompt: str, thinking: Thinking) -> bool:
    """Whether a prompt, with its special tokens, ends within the thinking."""
    return prompt.rfind(thinking.start) > prompt.rfind(thinking.end)


def end_of(marker: str, marker_tokens: Sequence[int], tokens: Sequence[int], decode: Callable[..., str]) -> int | None:
    """Number of tokens up to the end of a marker; None if there is none.

    Args:
        marker: The marker's text, for tokens that contain more than it.
        marker_tokens: Its tokens, for markers that are special tokens, whose text is empty.
        tokens: The sample's tokens.
        decode: Text of tokens.
    """
    size = len(marker_tokens)
    first = marker_tokens[0]
    position = -1
    try:
        while True:
            position = tokens.index(first, position + 1)
            if list(tokens[position : position + size]) == list(marker_tokens):
                return position + size
    except ValueError:
        pass
    if marker not in decode(tokens):
        return None
    low, high = 0, len(tokens)  # the marker is in the first `high` tokens, but not in the first `low`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if marker in decode(tokens[:middle]) else (middle, high)
    return high
