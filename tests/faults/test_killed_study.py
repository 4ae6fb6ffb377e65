"""A study whose job is killed together with its driver and engine."""

import os
import subprocess
import time

from monkeys.storage import read_provenance, read_rows


def wait_for_samples(journal, count, process):
    """Wait until the journal has this number of finished requests."""
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        if journal.exists() and journal.read_bytes().count(b'"problem_id"') >= count:
            return
        time.sleep(0.02)
    raise AssertionError("the job ended, or took too long, before it could be killed")


def test_a_killed_job_resumes_without_losing_or_duplicating_samples(checkout):
    """Killed with -9 after the first requests and after more of them; then run to the end.

    At temperature 1.5 long samples of one problem are practically never equal, unless the random state repeats.
    """
    checkout.change(
        tasks__arithmetic={
            **checkout.study()["tasks"]["arithmetic"],
            "samples": 640,
            "shard_size": 640,
            "sampling": {"temperature": 1.5, "max_tokens": 64},
        },
        models__small__tasks=["arithmetic"],
    )
    target = "results/samples/arithmetic/small/0.parquet"
    journal = checkout.folder / "results/.journal/arithmetic/small/0.jsonl"
    for requests in (1, 60):
        process = subprocess.Popen(
            checkout.command(target),
            cwd=checkout.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for_samples(journal, requests, process)
        os.killpg(process.pid, 9)
        process.wait()
        checkout.snakemake("--unlock")
    with open(journal, "ab") as file:
        file.write(b'{"problem_id": "torn')
    checkout.snakemake(target)

    rows = list(read_rows(checkout.folder / target))
    assert len(rows) == 10 * 640
    assert len({(row["problem_id"], row["sample"]) for row in rows}) == 10 * 640
    assert {row["sample"] for row in rows} == set(range(640))

    starts = read_provenance(checkout.folder / target)["engine_starts"]
    assert len(starts) == 3
    assert len({start["seed"] for start in starts}) == 3
    assert [start["samples_before"] for start in starts] == sorted({start["samples_before"] for start in starts})

    long_texts = [(row["problem_id"], row["text"]) for row in rows if row["tokens"] >= 50]
    assert len(long_texts) > 500
    assert len(set(long_texts)) > 0.99 * len(long_texts)
