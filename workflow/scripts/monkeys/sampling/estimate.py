"""What a study's samples will take, before they are drawn: tokens, GPU hours, disk and dollars."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from monkeys.sampling import TOKENS_PER_SECOND
from monkeys.sampling.summary import state
from monkeys.sources.weights import Weights
from monkeys.study import Study
from monkeys.study.model import Price
from monkeys.study.study import SourcedModel

BYTES_PER_TOKEN = 6
"""Of a sample that is drawn: its text in the journal, and once more, compressed, in the samples file."""


def estimate(
    study: Study,
    shards: Iterable[tuple[str, str, int, int]],
    problems: Mapping[str, int],
    lengths: Mapping[str, Mapping[str, Mapping[str, int]]],
) -> pd.DataFrame:
    """A row of text per task and model: samples to draw, and what they take.

    Where samples of a pair are there already, the rest is taken to be like them; else every sample is taken to be as
    long as it may, which few are.

    Args:
        config: The study.
        shards: Task, model, number and size (samples per problem) of every shard that is wanted.
        problems: How many there are of each task.
        lengths: Tokens of every prompt, by model, task and problem; those that are not known count as none.
    """
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for task, model, index, size in shards:
        about = state(Path(study.results), task, model, index)
        pairs.setdefault((task, model), []).append({**about, "wanted": problems[task] * size})
    return pd.DataFrame([_row(study, *pair, states, lengths) for pair, states in pairs.items()])


def _row(
    study: Study,
    task: str,
    name: str,
    states: list[dict[str, Any]],
    lengths: Mapping[str, Mapping[str, Mapping[str, int]]],
) -> dict[str, str]:
    model = study.models[name]
    drawn = sum(state["samples"] for state in states)
    left = sum(max(0, state["wanted"] - state["samples"]) for state in states)
    known = all(state["generated_tokens"] is not None for state in states)
    like_before = drawn > 0 and known
    prompts = list(lengths.get(name, {}).get(task, {}).values())
    each: float = study.sampling(task, name)["max_tokens"]
    speed: float = TOKENS_PER_SECOND
    if like_before:
        generated = sum(state["generated_tokens"] for state in states)
        each = generated / drawn
        if seconds := sum(state["seconds"] for state in states):
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
        "dollars": _dollars(model, left, prompt_tokens, tokens),
        "taken to be": f"like the {drawn:,} there are" if like_before else "as long as they may",
    }


def _dollars(model: SourcedModel, samples: int, prompt_tokens: float | None, tokens: float) -> str:
    """What samples cost by the model's price; `?` where it is not known."""
    price = model.price
    total = 0.0
    if price.sample is not None:
        total += samples * price.sample
    if price.prompt is not None and prompt_tokens is not None:
        total += prompt_tokens / model.source.samples_per_request * price.prompt / 1e6
    if price.generated is not None:
        total += tokens * price.generated / 1e6
    unknown = price == Price() or (price.prompt is not None and prompt_tokens is None)
    return "?" if unknown else f"{total:,.2f}"


def _size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
