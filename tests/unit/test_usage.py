"""Recording and summing the resource usage of jobs."""

import json
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monkeys.analysis.usage import read_usage_records, usage_table
from monkeys.storage import SAMPLES, read_rows, write_parquet
from monkeys.usage import record_usage

JOB = """
import subprocess, sys, time
from monkeys import usage
usage.POLL_SECONDS = usage.RECORD_SECONDS = 0.2
wildcards, requested = {"task": "t", "model": "m", "shard": "0"}, {"mem_mb": 500, "runtime": 10, "gpu": 2}
with usage.record_usage("logs/0.log", "sample", wildcards, 4, requested):
    exec(sys.argv[1])
"""


@pytest.fixture
def job(root, tmp_path):
    """Function that starts a process which runs the given code and records its usage."""
    environment = dict(os.environ, PYTHONPATH=str(root / "workflow/scripts"))

    def start(work):
        return subprocess.Popen([sys.executable, "-c", JOB, work], cwd=tmp_path, env=environment)

    return start


def usage_records(folder):
    path = folder / "logs/0.usage.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


BRIEF = "for _ in range(10): subprocess.run([sys.executable, '-c', 'sum(range(5_000_000))'])"


def test_short_lived_programs_are_counted(job, tmp_path):
    before = os.times()
    assert job(BRIEF).wait() == 0
    after = os.times()
    (record,) = usage_records(tmp_path)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert record["cpu_seconds"] == pytest.approx(used, abs=0.3)
    assert {key: record[key] for key in ("rule", "task", "threads", "gpu", "mem_mb", "runtime")} == {
        "rule": "sample",
        "task": "t",
        "threads": 4,
        "gpu": 2,
        "mem_mb": 500,
        "runtime": 10,
    }


VERIFY = """
from monkeys.verification import Settings
from monkeys.verification.shard import verify_shard
verify_shard("problems.parquet", "samples.parquet", "verdicts.parquet", "programs", Settings(threads=2))
"""


@pytest.mark.slow
def test_programs_in_a_sandbox_are_counted_although_their_parent_does_not_wait_for_them(job, tmp_path):
    problem = {"problem_id": "a", "reference": [{"input": "", "output": ""}]}
    pq.write_table(pa.Table.from_pylist([problem]), tmp_path / "problems.parquet")
    program = "```python\nimport time\nwhile time.process_time() < 0.3: pass\n# {}\n```"
    rows = (
        {**dict.fromkeys(SAMPLES.names), "problem_id": "a", "sample": n, "text": program.format(n)} for n in range(20)
    )
    write_parquet(tmp_path / "samples.parquet", SAMPLES, rows, {})
    assert job(VERIFY).wait() == 0
    assert {row["outcome"] for row in read_rows(tmp_path / "verdicts.parquet")} == {"correct"}
    (record,) = usage_records(tmp_path)
    assert 20 * 0.3 * 0.9 < record["cpu_seconds"] < 20 * 0.3 + 5


def test_memory_is_the_peak_sum_over_all_processes(job, tmp_path):
    hold = "x = b'x' * 200_000_000; import time; time.sleep(1.5)"
    assert (
        job(f"c = [subprocess.Popen([sys.executable, '-c', {hold!r}]) for _ in 'ab']; [p.wait() for p in c]").wait()
        == 0
    )
    (record,) = usage_records(tmp_path)
    assert 400 < record["memory_mb"] < 800


def test_a_killed_run_counts_with_its_last_record(job, tmp_path):
    killed = job("time.sleep(60)")
    while not usage_records(tmp_path) or usage_records(tmp_path)[0]["wall_seconds"] < 0.5:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert job("time.sleep(0.5)").wait() == 0
    first, second = usage_records(tmp_path)
    assert first["wall_seconds"] >= 0.5 and second["wall_seconds"] >= 0.5
    (row,) = usage_table(read_usage_records([tmp_path / "logs/0.usage.jsonl"])).to_dict("records")
    wall = first["wall_seconds"] + second["wall_seconds"]
    assert (row["jobs"], row["runs"]) == (1, 2)
    assert row["wall_hours"] == pytest.approx(wall / 3600)
    assert row["gpu_hours"] == pytest.approx(2 * wall / 3600)
    assert row["used_minutes"] == pytest.approx(max(first["wall_seconds"], second["wall_seconds"]) / 60)


def test_usage_is_summed_by_rule_task_and_model(tmp_path):
    def record(name, **changes):
        job = {"rule": "verify", "task": "t", "model": "m", "threads": 8, "gpu": None, "mem_mb": 4000, "runtime": 240}
        used = {"wall_seconds": 1800, "cpu_seconds": 7200, "memory_mb": 900}
        (tmp_path / name).write_text(json.dumps(job | used | changes) + "\n")
        return tmp_path / name

    score = {"rule": "score", "reward": "r", "gpu": 1}
    table = usage_table(
        read_usage_records([record("a"), record("b", memory_mb=1200), record("c", **score), record("d", model="n")])
    )
    assert table[["rule", "model", "reward", "jobs"]].to_numpy().tolist() == [
        ["score", "m", "r", 1],
        ["verify", "m", "", 2],
        ["verify", "n", "", 1],
    ]
    assert table["cpu_hours"].tolist() == [2, 4, 2]
    assert table["gpu_hours"].tolist() == [0.5, 0, 0]
    assert table["used_mb"].tolist() == [900, 1200, 900]


def test_a_study_without_usage_records_has_an_empty_table():
    assert list(usage_table(read_usage_records([]))) == [
        "rule",
        "task",
        "model",
        "reward",
        "jobs",
        "runs",
        "wall_hours",
        "cpu_hours",
        "gpu_hours",
        "threads",
        "requested_mb",
        "used_mb",
        "requested_minutes",
        "used_minutes",
    ]


@pytest.mark.parametrize(("requested", "gpus"), [({"gres": "gpu:h100:2"}, 2), ({"gres": "gpu:1"}, 1), ({}, None)])
def test_gpus_are_counted_however_they_are_requested(tmp_path, requested, gpus):
    with record_usage(tmp_path / "logs/0.log", "sample", {"task": "t"}, 1, requested):
        pass
    assert [record["gpu"] for record in usage_records(tmp_path)] == [gpus]
