"""The interface of strategies."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from monkeys.sampling.engines.engine import Completion, Messages, Reply, Request
from monkeys.sampling.settings import Sampling

__all__ = ["Ask", "Completion", "Problem", "Strategy"]


@dataclass(frozen=True)
class Problem:
    """What a strategy knows about a problem."""

    problem_id: str
    prompt: str


class Ask:
    """Asks the model on behalf of one attempt, and remembers all calls: their tokens are counted to the sample.

    Args:
        complete: Sends a request to the engine.
        sampling: Sampling settings of the task and model.
        seed_of: Seed of a call by its number, from 0.
    """

    def __init__(
        self, complete: Callable[[Request], Awaitable[Reply]], sampling: Sampling, seed_of: Callable[[int], int]
    ) -> None:
        self._complete = complete
        self._sampling = sampling
        self._seed_of = seed_of
        self._started = 0
        self.calls: list[tuple[Request, Reply]] = []
        """Finished calls."""

    async def __call__(self, prompt: str | Messages, **sampling: Any) -> Completion:
        """One completion of a prompt.

        Args:
            prompt: Text, which is put into the model's conversation if it has one; or the turns of a conversation
                (dicts with `role` and `content`), for chat models.
            sampling: Settings that differ from those of the task and model, such as `temperature`.
        """
        (completion,) = await self.several(prompt, 1, **sampling)
        return completion

    async def several(self, prompt: str | Messages, count: int, **sampling: Any) -> list[Completion]:
        """Several completions of a prompt; arguments as for one."""
        number, self._started = self._started, self._started + 1
        settings = self._sampling.replaced(sampling) if sampling else self._sampling
        request = Request(prompt, count, settings, self._seed_of(number))
        reply = await self._complete(request)
        self.calls.append((request, reply))
        return reply.completions


class Strategy(ABC):
    """A way of making samples of a problem by asking a model, once or several times.

    To add a strategy, define a subclass named `Strategy` in its own module of `monkeys.sampling.strategies`.

    Args:
        options: The strategy's own options, an instance of its `Options`; None if it has none.
    """

    version: ClassVar[int] = 1
    """Increase this whenever the samples change in distribution; they are then drawn again."""
    Options: ClassVar[type[Any] | None] = None
    """Frozen dataclass of the strategy's own options, `sampling.strategy_options`; None if it has none."""
    shares_prompt: ClassVar[bool] = False
    """Whether a request draws several samples, which share the cost of its prompt."""

    def __init__(self, options: Any = None) -> None:
        self.options = options

    @abstractmethod
    async def attempt(self, problem: Problem, ask: Ask) -> Completion:
        """One sample of a problem.

        Many attempts run at once in one thread, so nothing may block it: await `ask`, and run slow work in a thread
        (`asyncio.to_thread`) or process.

        Returns:
            The completion whose text is verified. The tokens of all calls are counted to it.
        """

    async def attempts(self, problem: Problem, count: int, ask: Ask) -> list[Completion]:
        """Several samples of a problem from one request, for strategies that share the prompt."""
        assert count == 1
        return [await self.attempt(problem, ask)]
