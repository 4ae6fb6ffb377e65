"""Whatever happens to a sampling job, no recorded sample is lost or duplicated."""

import random
import signal
import time

import pytest
from jobs import wait_until

from monkeys.sampling.journal import read_entries
from monkeys.storage import read_provenance, read_rows


def assert_complete(folder, size, prompts):
    """Assert that every sample exists once, and that no text stems from a repeated random state."""
    rows = list(read_rows(folder / "samples.parquet"))
    assert len(rows) == len(prompts) * size
    assert {(row["problem_id"], row["sample"]) for row in rows} == {(p, n) for p in prompts for n in range(size)}
    long_texts = [(row["problem_id"], row["text"]) for row in rows if row["tokens"] >= 50]
    assert len(long_texts) > 50
    assert len(set(long_texts)) > 0.99 * len(long_texts)


def journal_entries(folder):
    journal = folder / "journal.jsonl"
    return list(read_entries(journal)) if journal.exists() else []


def lock_text(folder):
    """Text of the lock, which names its holder; empty while the lock changes hands."""
    try:
        return (folder / "journal.jsonl.lock").read_text()
    except FileNotFoundError:
        return ""


def test_a_job_killed_at_twenty_random_moments_loses_nothing_recorded(engine, tmp_path):
    seed = time.time_ns()
    print(f"seed of the moments: {seed}")
    moments = random.Random(seed)
    size = 400
    before = []
    for _ in range(20):
        job = engine.start(tmp_path, size)
        time.sleep(moments.uniform(0, 0.8))
        assert job.is_alive()
        job.kill(signal.SIGKILL)
        while job.is_alive():
            time.sleep(0.001)
        after = journal_entries(tmp_path)
        assert after[: len(before)] == before
        before = after
    assert engine.start(tmp_path, size).result()["status"] == 0
    assert journal_entries(tmp_path)[: len(before)] == before
    assert_complete(tmp_path, size, engine.prompts)
    starts = read_provenance(tmp_path / "samples.parquet")["engine_starts"]
    assert sum(start["samples"] for start in starts) == len(engine.prompts) * size
    sampled_from = {start["samples_before"]: start["seed"] for start in starts}
    assert len(set(sampled_from.values())) == len(sampled_from)  # a new seed unless nothing was recorded in between


def test_samples_lost_by_a_kill_do_not_depend_on_their_length(engine, tmp_path):
    """The journal is always a prefix of the list of requests, although later requests may finish earlier."""
    job = engine.start(tmp_path)
    job.wait_for_requests(10)
    job.kill(signal.SIGKILL)
    wanted = [(problem, first) for problem in engine.prompts for first in range(0, 96, 16)]
    recorded = [(e["problem_id"], e["first"]) for e in journal_entries(tmp_path) if "problem_id" in e]
    assert 10 <= len(recorded) < len(wanted)
    assert recorded == wanted[: len(recorded)]


def test_sigterm_ends_a_job_within_seconds_and_the_next_one_resumes(engine, tmp_path):
    job = engine.start(tmp_path)
    job.wait_for_requests(5)
    job.kill(signal.SIGTERM)
    signal_sent = time.monotonic()
    assert job.result()["status"] == 128 + signal.SIGTERM
    assert time.monotonic() - signal_sent < 5
    assert "ended by SIGTERM with" in job.log()
    before = journal_entries(tmp_path)
    assert len(before) > 5
    assert not (tmp_path / "journal.jsonl.lock").exists()
    assert engine.start(tmp_path).result()["status"] == 0
    assert journal_entries(tmp_path)[: len(before)] == before
    assert_complete(tmp_path, 96, engine.prompts)


def test_a_full_disk_is_an_error_that_loses_nothing_recorded(engine, tmp_path):
    job = engine.start(tmp_path, disk_kb=64)
    end = job.result()
    assert end == {"full": 1, "status": 0}
    full, finished = tmp_path / "full", tmp_path / "end"
    assert (full / "journal.jsonl").stat().st_size > 32_000
    assert not (full / "samples.parquet").exists()
    before = journal_entries(full)
    assert before[1:]
    assert journal_entries(finished)[: len(before)] == before
    assert "damaged" not in (finished / "log").read_text()
    assert_complete(finished, 96, engine.prompts)


@pytest.mark.parametrize("damage", ["flipped bit", "lost end"])
def test_a_damaged_journal_is_detected_and_its_intact_beginning_kept(engine, tmp_path, damage):
    job = engine.start(tmp_path)
    job.wait_for_requests(20)
    job.kill(signal.SIGTERM)
    job.result()
    journal = tmp_path / "journal.jsonl"
    before, data = journal_entries(tmp_path), bytearray(journal.read_bytes())
    middle = len(data) // 2
    if damage == "flipped bit":
        data[middle] ^= 4
    else:
        del data[middle:]
    journal.write_bytes(data)
    kept = journal_entries(tmp_path)
    assert 5 < len(kept) < len(before)
    assert kept == before[: len(kept)]
    job = engine.start(tmp_path)
    assert job.result()["status"] == 0
    assert ("damaged at byte" in job.log()) == (damage == "flipped bit")  # a kill may also tear the last line
    assert (tmp_path / "journal.jsonl.damaged").exists() == (damage == "flipped bit")
    assert journal_entries(tmp_path)[: len(kept)] == kept
    assert_complete(tmp_path, 96, engine.prompts)


def test_a_second_job_on_a_shard_stops_and_names_the_first(engine, tmp_path):
    first = engine.start(tmp_path, 4000, lease_seconds=4)
    first.wait_for_requests(2)
    second = engine.start(tmp_path, 4000, lease_seconds=4)
    assert second.result()["status"] == 1
    assert f"process {first.pid} on " in second.log()
    assert "is working on this shard" in second.log()
    assert first.is_alive()
    first.kill(signal.SIGKILL)  # a dead holder on the same machine is not waited for
    wait_until(lambda: not first.is_alive(), "the end of the first job")
    third = engine.start(tmp_path, 4000, lease_seconds=600)
    wait_until(lambda: f"pid={third.pid}\n" in lock_text(tmp_path), "the takeover of the lock", 20)
    third.kill(signal.SIGKILL)


def test_a_suspended_job_does_not_write_after_another_took_over(engine, tmp_path):
    """Like a machine cut off from a shared disk for a while: the holder is alive but does not renew its lock."""
    first = engine.start(tmp_path, lease_seconds=4)
    first.wait_for_requests(5)
    first.kill(signal.SIGSTOP)
    second = engine.start(tmp_path, lease_seconds=4)
    assert second.result()["status"] == 0
    finished = (tmp_path / "journal.jsonl").read_bytes()
    (tmp_path / "end.json").unlink()
    first.kill(signal.SIGCONT)
    assert first.result()["status"] == 1
    assert (tmp_path / "journal.jsonl").read_bytes() == finished
    assert_complete(tmp_path, 96, engine.prompts)


def test_memory_does_not_grow_with_the_number_of_samples(engine, tmp_path):
    ends = {}
    for size in (64, 256):
        (tmp_path / str(size)).mkdir()
        ends[size] = engine.start(tmp_path / str(size), size).result()
    print(ends)
    assert ends[64]["mb"] > 1
    assert ends[256]["mb"] < ends[64]["mb"] + 16
    more = 10 * (256 - 64)
    assert ends[256]["blocks"] < ends[64]["blocks"] + 20 * more  # one output of the engine takes about a hundred blocks
