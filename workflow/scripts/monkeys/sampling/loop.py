"""The loop that draws a shard's missing samples, for all engines and strategies."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from monkeys.sampling.engines.engine import Completion, Engine, EngineError, Reply, Request
from monkeys.sampling.settings import Sampling
from monkeys.sampling.shard import Gap, Sample, ShardProgress
from monkeys.sampling.strategies.strategy import Ask, Problem, Strategy
from monkeys.storage import Row

Call = tuple[Request, Reply]


class Stopped(Exception):
    """A call that was not made, because another attempt had failed."""


async def draw(progress: ShardProgress, engine: Engine, strategy: Strategy, sampling: Sampling) -> None:
    """Draw the missing samples of a shard into its journal, with the engine always busy.

    An attempt that fails ends the job. If samples are recorded as they finish, those in progress are finished before.

    Args:
        progress: The shard's journal and prompts.
        engine: Completes prompts.
        strategy: Makes samples from completions.
        sampling: Sampling settings of the completions.

    Raises:
        RuntimeError: the engine failed; the message names the problem. Earlier samples are in the journal.
    """
    shard = progress.shard
    gaps = enumerate(progress.gaps(engine.samples_per_request if strategy.shares_prompt else 1))
    running: dict[int, tuple[Gap, asyncio.Task[tuple[list[Call], list[Completion]]]]] = {}
    finished: asyncio.Queue[int] = asyncio.Queue()
    held: dict[int, tuple[Gap, list[Call], list[Completion]]] = {}
    failures: list[Exception] = []
    load = due = 0

    async def complete(request: Request) -> Reply:
        if failures:
            raise Stopped
        return await engine.complete(request)

    async def attempt(gap: Gap) -> tuple[list[Call], list[Completion]]:
        ask = Ask(complete, sampling, lambda call: shard.request_seed(gap.problem_id, gap.first, call))
        try:
            completions = await strategy.attempts(
                Problem(gap.problem_id, progress.prompts[gap.problem_id]), gap.count, ask
            )
        except EngineError as error:
            raise RuntimeError(
                f"problem {gap.problem_id}, samples from {gap.first}: {error}; earlier samples are kept, "
                "run again to resume"
            ) from None
        except Exception as error:
            error.add_note(f"problem {gap.problem_id}, samples from {gap.first}")
            raise
        return ask.calls, completions

    def begin(number: int, gap: Gap) -> None:
        task = asyncio.create_task(attempt(gap))
        task.add_done_callback(lambda _: finished.put_nowait(number))
        running[number] = gap, task

    try:
        while True:
            while load < engine.capacity and not failures and (found := next(gaps, None)):
                begin(*found)
                load += engine.load(found[1].count)
            if not running:
                break
            number = await finished.get()
            gap, task = running.pop(number)
            load -= engine.load(gap.count)
            try:
                held[number] = gap, *task.result()
                for ready in _consecutive(held, due) if engine.in_order else [number]:
                    _record(progress, strategy, *held.pop(ready))
                    due += 1
            except Exception as error:
                if engine.in_order:
                    raise
                failures.append(error)
    finally:
        for _, task in running.values():
            task.cancel()
    if failures:
        raise failures[0]


def _consecutive(held: dict[int, Any], first: int) -> list[int]:
    """Numbers from `first` on that are held."""
    last = first
    while last in held:
        last += 1
    return list(range(first, last))


def _record(
    progress: ShardProgress, strategy: Strategy, gap: Gap, calls: Sequence[Call], completions: Sequence[Completion]
) -> None:
    """Add the samples of an attempt to the journal, with the tokens of all its calls."""
    replies = [reply for _, reply in calls]
    samples = [Sample(**vars(completion)) for completion in completions]
    if not strategy.shares_prompt:
        made = [completion for reply in replies for completion in reply.completions]
        totals = {
            key: _total(getattr(completion, key) for completion in made)
            for key in ("tokens", "logprob", "reasoning_tokens")
        }
        samples = [replace(sample, **totals, calls=len(calls), trace=_trace(calls)) for sample in samples]
    usage = Counter[str]()
    for reply in replies:
        usage.update(reply.usage)
    progress.add(gap, _total(reply.prompt_tokens for reply in replies), samples, dict(usage))


def _total(values: Iterable[Any]) -> Any:
    """Sum of values; None if one of them is not known."""
    known = list(values)
    return None if None in known else sum(known)


def _trace(calls: Iterable[Call]) -> str:
    """All calls of an attempt as JSON: prompts, completions and their tokens."""
    return json.dumps(
        [
            {
                "prompt": request.prompt,
                "prompt_tokens": reply.prompt_tokens,
                "completions": [_known(vars(completion)) for completion in reply.completions],
            }
            for request, reply in calls
        ],
        ensure_ascii=False,
    )


def _known(fields: Row) -> Row:
    """The fields that are not None."""
    return {key: value for key, value in fields.items() if value is not None}
