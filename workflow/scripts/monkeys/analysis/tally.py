"""Tallies: counts of samples and outcomes per problem."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from monkeys.storage import PARQUET_OPTIONS, read_provenance, read_table, replacing
from monkeys.verification import OUTCOMES

COLUMNS = ["problem_id", "samples", "correct", "prompt_tokens", "generated_tokens", *OUTCOMES[1:]]
"""`samples` excludes those on which the verifier failed (`verifier_error`); `prompt_tokens` is the length of the
prompt, or of all prompts of a mean sample if a strategy asks several times; `generated_tokens` is the sum over all
samples, null if the source does not count the tokens of each."""


IDENTITY_KEYS = ("task", "model", "index", "size", "model_settings", "settings")
"""Keys of a samples file's provenance that identify it; the study's name is not one, since it may change."""


def tally(samples: Iterable[str], verdicts: Iterable[str]) -> pd.DataFrame:
    """The tally of all shards of one task and model, a row per problem, sorted by problem_id.

    Args:
        samples: Samples files.
        verdicts: The verdicts files of the same shards in the same order.

    Raises:
        ValueError: verdicts do not belong to their samples, a shard occurs twice, or the shards have more than one
            task, model or verifier.
    """
    files = list(zip(samples, verdicts, strict=True))
    _check_provenance(files)
    shards = [_count_shard(*paths) for paths in files]
    by_problem = pd.concat(shards).groupby(level="problem_id")
    table = by_problem[list(OUTCOMES)].sum()
    table["samples"] = table.sum(axis=1) - table["verifier_error"]
    table["prompt_tokens"] = by_problem["prompt_tokens"].mean().round().astype("Int64")
    table["generated_tokens"] = by_problem["tokens"].sum(min_count=len(shards)).astype("Int64")
    return table.reset_index()[COLUMNS]


def write_tally(table: pd.DataFrame, task: str, model: str, path: str) -> None:
    """Write a tally, with its task and model as the first columns."""
    with replacing(path) as temporary:
        named = pd.concat([pd.DataFrame({"task": task, "model": model}, index=table.index), table], axis=1)
        named.to_parquet(temporary, index=False, **PARQUET_OPTIONS)


def _check_provenance(files: Sequence[tuple[str, str]]) -> None:
    """Check by provenance that the files belong together: equal ids of problems and samples do not prove it."""
    seen: dict[Any, str] = {}
    first: dict[str, tuple[Any, str]] = {}
    for samples, verdicts in files:
        drawn, verified = read_provenance(samples), read_provenance(verdicts)
        # the provenance of published verdicts is that of their samples
        judged = verified["samples"] if isinstance(verified.get("samples"), dict) else verified
        for key in IDENTITY_KEYS:
            if judged.get(key) != drawn.get(key):
                raise ValueError(
                    f"{verdicts} was made from other samples than {samples} (another {key}); delete it and run again"
                )
        if (index := drawn["index"]) in seen:
            raise ValueError(f"{samples} and {seen[index]} are both shard {index}; delete the wrong one and run again")
        seen[index] = samples
        verifier = verified.get("verifier"), verified.get("verifier_version")
        shared = [(key, drawn.get(key), samples) for key in ("task", "model")] + [("verifier", verifier, verdicts)]
        for key, value, path in shared:
            other, first_path = first.setdefault(key, (value, path))
            if other != value:
                raise ValueError(
                    f"{path} and {first_path} differ in {key}: {value} and {other}; delete one and run again"
                )


def _count_shard(samples: str, verdicts: str) -> pd.DataFrame:
    """Counts of outcomes, prompt_tokens and tokens of one shard, by problem_id."""
    drawn = read_table(samples, ["problem_id", "sample", "prompt_tokens", "tokens"]).to_pandas()
    judged = read_table(verdicts, ["problem_id", "sample", "outcome"]).to_pandas()
    if not drawn[["problem_id", "sample"]].equals(judged[["problem_id", "sample"]]):
        raise ValueError(f"{verdicts} does not belong to {samples}; delete it and run again")
    table = pd.crosstab(judged["problem_id"], judged["outcome"]).reindex(columns=list(OUTCOMES), fill_value=0)
    tokens = drawn.groupby("problem_id")
    table["prompt_tokens"] = tokens["prompt_tokens"].mean()
    table["tokens"] = tokens["tokens"].agg(lambda lengths: lengths.sum(skipna=False))
    return table
