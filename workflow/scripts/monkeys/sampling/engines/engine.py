"""What a strategy asks of an engine, what the engine answers, and the interface of engines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monkeys.sampling.settings import Sampling

Messages = Sequence[Mapping[str, str]]
"""Turns of a conversation, each with its role and content."""


@dataclass(frozen=True)
class Request:
    """A request for completions of one prompt."""

    prompt: str | Messages
    """The prompt, which is put into the model's conversation if it has one; or the turns of a conversation."""
    count: int
    sampling: Sampling
    seed: int
    """Seed of the first completion, counted up for the others, for engines that draw with the seeds of requests."""


@dataclass(frozen=True)
class Completion:
    """One completion of a prompt."""

    text: str
    """What the model says, without its thinking."""
    tokens: int | None
    """Generated tokens, including those that the text does not show; None if the engine does not report it."""
    finish_reason: str
    """`stop` (end of text or a stop string) or `length` (cut at the token limit)."""
    logprob: float | None = None
    """Sum of the tokens' log-probabilities (natural); None if the engine does not report them."""
    reasoning: str | None = None
    """The model's thinking; None if it is not known or not kept."""
    reasoning_tokens: int | None = None
    """Tokens of the thinking, which are part of `tokens`; None if they are not known."""


@dataclass(frozen=True)
class Reply:
    """Answer to a request."""

    completions: list[Completion]
    prompt_tokens: int | None
    """Length of the prompt; None if the engine does not report it."""
    usage: Mapping[str, int]
    """Tokens that a server bills for the request, by kind."""


class EngineError(RuntimeError):
    """A request failed for good."""


class Engine(Protocol):
    """Completes prompts."""

    in_order: bool
    """Record samples in the order in which they were begun.

    If they were recorded as they finish, short samples would be ahead of long ones whenever a job is killed, and
    resuming would bias the results towards short samples. Samples that were paid for are recorded at once instead.
    """

    @property
    def samples_per_request(self) -> int:
        """Samples of a problem in one request, which share its prompt."""

    capacity: int
    """Load that keeps the engine busy."""

    def load(self, samples: int) -> int:
        """Share of the capacity that a request for this number of samples takes."""

    async def complete(self, request: Request) -> Reply:
        """Complete a prompt; many requests are in progress at once."""
