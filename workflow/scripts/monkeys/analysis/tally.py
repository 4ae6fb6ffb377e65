"""Count, per problem, samples and outcomes."""

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from monkeys.verification import OUTCOMES

COLUMNS = ["problem_id", "samples", "correct", "prompt_tokens", "generated_tokens", *OUTCOMES[1:]]
"""`samples` leaves out those whose verifier failed (`verifier_error`); `prompt_tokens` is the length of one prompt,
`generated_tokens` the sum over all samples; both are null where the source does not tell."""


def tally(samples: Iterable[str], verdicts: Iterable[str]) -> pd.DataFrame:
    """The tally of all shards of one task and model, a row per problem, sorted by problem_id.

    Args:
        samples: Samples files.
        verdicts: The verdicts files of the same shards in the same order.

    Raises:
        ValueError: a shard's verdicts are not those of its samples.
    """
    shards = [_of_shard(*paths) for paths in zip(samples, verdicts, strict=True)]
    by_problem = pd.concat(shards).groupby(level="problem_id")
    table = by_problem[list(OUTCOMES)].sum()
    table["samples"] = table.sum(axis=1) - table["verifier_error"]
    table["prompt_tokens"] = by_problem["prompt_tokens"].first().astype("Int64")
    table["generated_tokens"] = by_problem["tokens"].sum(min_count=len(shards)).astype("Int64")
    return table.reset_index()[COLUMNS]


def _of_shard(samples: str, verdicts: str) -> pd.DataFrame:
    """Counts of every outcome, prompt_tokens and tokens of one shard, by problem_id."""
    drawn = read_columns(samples, ["problem_id", "sample", "prompt_tokens", "tokens"])
    judged = read_columns(verdicts, ["problem_id", "sample", "outcome"])
    if not drawn[["problem_id", "sample"]].equals(judged[["problem_id", "sample"]]):
        raise ValueError(f"{verdicts} does not belong to {samples}; delete it and run again")
    table = pd.crosstab(judged["problem_id"], judged["outcome"]).reindex(columns=list(OUTCOMES), fill_value=0)
    tokens = drawn.groupby("problem_id")
    table["prompt_tokens"] = tokens["prompt_tokens"].first()
    table["tokens"] = tokens["tokens"].sum(min_count=1)
    return table


def read_columns(path: str, columns: list[str]) -> pd.DataFrame:
    """Columns of a parquet file, its dictionaries as plain strings."""
    table = pq.read_table(path, columns=columns)
    plain = pa.schema([(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in table.schema])
    return table.cast(plain).to_pandas()
