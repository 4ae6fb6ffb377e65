"""Count, per problem, samples and outcomes."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from monkeys.storage import PARQUET_OPTIONS, read_provenance, read_table, replacing
from monkeys.verification import OUTCOMES

COLUMNS = ["problem_id", "samples", "correct", "prompt_tokens", "generated_tokens", *OUTCOMES[1:]]
"""`samples` leaves out those whose verifier failed (`verifier_error`); `prompt_tokens` is the length of one prompt,
`generated_tokens` the sum over all samples; both are null where the source does not tell."""


IDENTITY = ("task", "model", "index", "size", "model_settings", "settings")
"""What of a samples file's provenance tells it from all others; a study may be renamed."""


def tally(samples: Iterable[str], verdicts: Iterable[str]) -> pd.DataFrame:
    """The tally of all shards of one task and model, a row per problem, sorted by problem_id.

    Args:
        samples: Samples files.
        verdicts: The verdicts files of the same shards in the same order.

    Raises:
        ValueError: a shard's verdicts are not those of its samples, a shard is there twice, or the shards are of more
            than one task, model or verifier.
    """
    files = list(zip(samples, verdicts, strict=True))
    _refuse_mixtures(files)
    shards = [_of_shard(*paths) for paths in files]
    by_problem = pd.concat(shards).groupby(level="problem_id")
    table = by_problem[list(OUTCOMES)].sum()
    table["samples"] = table.sum(axis=1) - table["verifier_error"]
    table["prompt_tokens"] = by_problem["prompt_tokens"].first().astype("Int64")
    table["generated_tokens"] = by_problem["tokens"].sum(min_count=len(shards)).astype("Int64")
    return table.reset_index()[COLUMNS]


def write_tally(table: pd.DataFrame, task: str, model: str, path: str) -> None:
    """Write a tally, with the task and the model that it is of as its first columns."""
    with replacing(path) as temporary:
        named = pd.concat([pd.DataFrame({"task": task, "model": model}, index=table.index), table], axis=1)
        named.to_parquet(temporary, index=False, **PARQUET_OPTIONS)


def _refuse_mixtures(files: Sequence[tuple[str, str]]) -> None:
    """Compare where the files come from: equal ids of problems and samples do not make them belong together."""
    seen: dict[Any, str] = {}
    first: dict[str, tuple[Any, str]] = {}
    for samples, verdicts in files:
        drawn, made = read_provenance(samples), read_provenance(verdicts)
        judged = made["samples"] if isinstance(made.get("samples"), dict) else made  # published ones have their own
        for key in IDENTITY:
            if judged.get(key) != drawn.get(key):
                raise ValueError(
                    f"{verdicts} was made of other samples than {samples} (another {key}); delete it and run again"
                )
        if (index := drawn["index"]) in seen:
            raise ValueError(f"{samples} and {seen[index]} are both shard {index}; delete the wrong one and run again")
        seen[index] = samples
        verifier = made.get("verifier"), made.get("verifier_version")
        about = [(key, drawn.get(key), samples) for key in ("task", "model")] + [("verifier", verifier, verdicts)]
        for what, value, path in about:
            other, where = first.setdefault(what, (value, path))
            if other != value:
                raise ValueError(f"{path} and {where} differ in {what}: {value} and {other}; delete one and run again")


def _of_shard(samples: str, verdicts: str) -> pd.DataFrame:
    """Counts of every outcome, prompt_tokens and tokens of one shard, by problem_id."""
    drawn = read_table(samples, ["problem_id", "sample", "prompt_tokens", "tokens"]).to_pandas()
    judged = read_table(verdicts, ["problem_id", "sample", "outcome"]).to_pandas()
    if not drawn[["problem_id", "sample"]].equals(judged[["problem_id", "sample"]]):
        raise ValueError(f"{verdicts} does not belong to {samples}; delete it and run again")
    table = pd.crosstab(judged["problem_id"], judged["outcome"]).reindex(columns=list(OUTCOMES), fill_value=0)
    tokens = drawn.groupby("problem_id")
    table["prompt_tokens"] = tokens["prompt_tokens"].first()
    table["tokens"] = tokens["tokens"].sum(min_count=1)
    return table
