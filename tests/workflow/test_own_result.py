"""The worked example of CONTRIBUTING.md, run unchanged: a custom result in one module."""

import re

import pandas as pd


def test_a_custom_result_is_one_module(finished, root):
    module = re.search(r"## Add a result\n.*?```python\n(.*?)```", (root / "CONTRIBUTING.md").read_text(), re.DOTALL)[1]
    (finished.folder / "workflow/scripts/monkeys/results/reliability.py").write_text(module)
    jobs = finished.plan()
    assert {name for name in jobs if " " in name} == {"table result=reliability", "figure result=reliability"}
    finished.snakemake()
    table = pd.read_csv(finished.folder / "results/tables/reliability.csv")
    assert len(table) == 3 * 20 and table["problems"].between(0, 1).all()
    small = table[(table["task"] == "arithmetic") & (table["model"] == "small")]
    assert small["problems"].is_monotonic_decreasing
    rates = pd.read_csv(finished.folder / "results/curves/solve_rates.csv").groupby(["task", "model"])["rate"]
    assert small.iloc[9]["problems"] == (rates.get_group(("arithmetic", "small")) >= 0.5).mean()
    assert (finished.folder / "results/figures/reliability.pdf").stat().st_size > 1000
