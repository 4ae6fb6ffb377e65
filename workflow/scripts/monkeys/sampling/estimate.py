"""Estimate of what a study's samples will cost: tokens, GPU hours, disk space and dollars."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from monkeys.sampling import TOKENS_PER_SECOND
from monkeys.sampling.summary import ShardTotals, shard_totals, total
from monkeys.sources.weights import Weights
from monkeys.study import Study
from monkeys.study.model import Price

BYTES_PER_TOKEN = 6
"""Disk space per generated token: its text in the journal and, compressed, in the samples file."""


def estimate(
    study: Study,
    shards: Iterable[tuple[str, str, int, int]],
    problems: Mapping[str, int],
    lengths: Mapping[str, Mapping[str, Mapping[str, int]]],
) -> pd.DataFrame:
    """A row of text per task and model: samples to draw and their cost.

    If a pair already has samples, the rest is assumed to be like them; otherwise every sample is assumed to have the
    maximum length, which few have.

    Args:
        study: The study.
        shards: Task, model, index and size (samples per problem) of every wanted shard.
        problems: Number of problems by task.
        lengths: Length of every prompt in tokens, by model, task and problem; may be incomplete.
    """
    pairs: dict[tuple[str, str], list[ShardTotals]] = {}
    for task, model, index, size in shards:
        totals = shard_totals(Path(study.results), task, model, index, size)
        totals.wanted = problems[task] * size
        pairs.setdefault((task, model), []).append(totals)
    return pd.DataFrame([_row(study, *pair, totals, lengths) for pair, totals in pairs.items()])


def _row(
    study: Study,
    task: str,
    name: str,
    shards: list[ShardTotals],
    lengths: Mapping[str, Mapping[str, Mapping[str, int]]],
) -> dict[str, str]:
    model = study.models[name]
    drawn, generated, seconds = (total(shards, key) for key in ("samples", "generated_tokens", "seconds"))
    left = sum(max(0, (shard.wanted or 0) - shard.samples) for shard in shards)
    extrapolates = drawn > 0 and generated is not None
    prompts = list(lengths.get(name, {}).get(task, {}).values())
    each: float = study.sampling(task, name).max_tokens
    speed: float = TOKENS_PER_SECOND
    if extrapolates:
        each = generated / drawn
        if seconds:
            speed = generated / seconds
    tokens = left * each
    hours = tokens / speed / 3600 * model.engine.tensor_parallel_size
    prompt_tokens = sum(prompts) / len(prompts) * left if prompts else None
    return {
        "task": task,
        "model": name,
        "samples to draw": f"{left:,}",
        "longest prompt": f"{max(prompts):,}" if prompts else "?",
        "tokens": f"{tokens:,.0f}",
        "GPU hours": (f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}")
        if isinstance(model.source, Weights)
        else "none",
        "disk": _size(tokens * BYTES_PER_TOKEN),
        "dollars": _dollars(
            model.price, left, prompt_tokens and prompt_tokens / study.samples_per_request(task, name), tokens
        ),
        "assumed length": f"like the {drawn:,} drawn so far" if extrapolates else "maximum",
    }


def _dollars(price: Price, samples: int, prompt_tokens: float | None, tokens: float) -> str:
    """Cost of samples at a price; `?` if unknown."""
    total = 0.0
    if price.sample is not None:
        total += samples * price.sample
    if price.prompt is not None and prompt_tokens is not None:
        total += prompt_tokens * price.prompt / 1e6
    if price.generated is not None:
        total += tokens * price.generated / 1e6
    unknown = price == Price() or (price.prompt is not None and prompt_tokens is None)
    return "?" if unknown else f"{total:,.2f}"


def _size(count: float) -> str:
    """Format a number of bytes."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
