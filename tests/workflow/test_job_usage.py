"""The table of resource usage, which is made on demand."""

import shutil

import pandas as pd


def table(checkout):
    checkout.snakemake("job_usage")
    return pd.read_csv(checkout.folder / "results/tables/job_usage.csv").set_index(["rule", "task", "model"])


def test_the_table_shows_used_and_requested_resources(finished):
    used = table(finished)
    assert used["jobs"].to_dict() == {
        ("sample", "arithmetic", "medium"): 2,
        ("sample", "arithmetic", "small"): 2,
        ("sample", "programs", "small"): 1,
        ("verify", "arithmetic", "medium"): 2,
        ("verify", "arithmetic", "small"): 2,
        ("verify", "programs", "small"): 1,
    }
    sampling = used.loc["sample"]
    assert (used["cpu_hours"] > 0).all() and (used["used_mb"] > 50).all()
    assert (sampling["requested_mb"] == 32000).all() and (sampling["used_mb"] < 32000).all()
    assert (sampling["gpu_hours"] == sampling["wall_hours"]).all()
    assert (used.loc["verify"]["gpu_hours"] == 0).all()


def test_the_table_is_rebuilt_only_after_new_usage_records(finished):
    table(finished)
    assert "Nothing to be done" in finished.snakemake("--dry-run", "job_usage")
    finished.change(models__small__samples={"arithmetic": 48})
    finished.snakemake("samples")
    assert table(finished)["jobs"]["sample", "arithmetic", "small"] == 3


def test_missing_usage_records_trigger_no_resampling(finished):
    for folder in ("sample", "verify"):
        shutil.rmtree(finished.folder / "results/logs" / folder)
    assert not finished.plan()
    assert table(finished).empty
