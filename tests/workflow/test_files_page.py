"""docs/files.md lists the columns of each file."""

import re

import pandas as pd
import pyarrow.parquet as pq

ROW = re.compile(r"^\| `([\w/{}.]+)`.*?\|.*?\| (.* · .*) \|$", re.MULTILINE)
"""A row of the page's table: file and columns, with remarks in brackets or after a semicolon."""


def columns_of(path):
    return pq.read_schema(path).names if path.suffix == ".parquet" else list(pd.read_csv(path, nrows=1).columns)


def test_the_files_page_lists_the_columns_of_every_table(finished_study, root):
    seen = set()
    for name, text in ROW.findall((root / "docs/files.md").read_text()):
        pattern = re.sub(r"\{\w+\}", "*", name) + ("" if "." in name else ".csv")
        columns = re.sub(r" *\([^)]*\)", "", text.partition(";")[0]).split(" · ")
        for path in finished_study.results(pattern):
            if path.suffix in (".csv", ".parquet") and path.name.count(".") == pattern.rpartition("/")[2].count("."):
                seen.add(name)
                assert columns_of(path) == columns, name
    assert {"samples/{task}/{model}/{shard}.parquet", "tallies/{task}/{model}.parquet", "tables/power_law"} <= seen
    assert len(seen) > 12
