"""How far our verdicts on published samples agree with the published ones."""

from collections.abc import Iterable

import pandas as pd
import pyarrow.parquet as pq

from monkeys.storage import read_provenance

LOW = 0.95
"""An agreement below this is more likely a mistake in the study's config than a matter of taste."""

COLUMNS = ["both_correct", "published_only", "ours_only", "neither"]


def agreement(ours: Iterable[str], published: Iterable[str]) -> pd.DataFrame:
    """Samples by who calls them correct, a row per task and model.

    Args:
        ours: Our verdicts files.
        published: Those of the same shards that came with the samples, in the same order.

    Returns:
        Columns task, model, samples, `COLUMNS` (numbers of samples) and agreement (the share on which both say the
        same). Samples that one side has no verdict of are left out.

    Raises:
        ValueError: two files are not of the same samples.
    """
    shards = []
    for mine, theirs in zip(ours, published, strict=True):
        keys = ["problem_id", "sample"]
        left, right = (pq.read_table(path, columns=[*keys, "outcome"]).to_pandas() for path in (mine, theirs))
        if not left[keys].astype(str).equals(right[keys].astype(str)):
            raise ValueError(f"{mine} and {theirs} are not of the same samples; delete them and run again")
        judged = (left["outcome"] != "verifier_error") & (right["outcome"] != "verifier_error")
        we, they = left["outcome"][judged] == "correct", right["outcome"][judged] == "correct"
        source = read_provenance(theirs)
        counts = (we & they).sum(), (~we & they).sum(), (we & ~they).sum(), (~we & ~they).sum()
        shards.append({"task": source["task"], "model": source["model"], **dict(zip(COLUMNS, counts, strict=True))})
    table = pd.DataFrame(shards).groupby(["task", "model"], sort=False)[COLUMNS].sum().reset_index()
    table.insert(2, "samples", table[COLUMNS].sum(axis=1))
    table["agreement"] = (table["both_correct"] + table["neither"]) / table["samples"]
    return table
