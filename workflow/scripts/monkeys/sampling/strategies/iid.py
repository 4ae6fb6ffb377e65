"""Independent completions of the prompt: repeated sampling as in the paper (Brown et al. 2024, section 1)."""

from monkeys.sampling.engines.engine import Completion
from monkeys.sampling.strategies import strategy
from monkeys.sampling.strategies.strategy import Ask, Problem


class Strategy(strategy.Strategy):
    """Every sample is a completion of the problem's prompt."""

    shares_prompt = True

    async def attempt(self, problem: Problem, ask: Ask) -> Completion:
        """A completion of the prompt."""
        return await ask(problem.prompt)

    async def attempts(self, problem: Problem, count: int, ask: Ask) -> list[Completion]:
        """Completions of the prompt from one request."""
        return await ask.several(problem.prompt, count)
