"""Whatever happens to a sampling job, nothing that was sampled is lost, and no sample is there twice."""

import random
import signal
import time

import pytest
from jobs import wait_until

from monkeys.sampling.journal import read_entries
from monkeys.storage import read_provenance, read_rows


def assert_complete(folder, size, prompts):
    """The samples file has every sample of every problem once, and no text is there by a repeated random state."""
    rows = list(read_rows(folder / "samples.parquet"))
    assert len(rows) == len(prompts) * size
    assert {(row["problem_id"], row["sample"]) for row in rows} == {(p, n) for p in prompts for n in range(size)}
    long_texts = [(row["problem_id"], row["text"]) for row in rows if row["tokens"] >= 50]
    assert len(long_texts) > 50
    assert len(set(long_texts)) > 0.99 * len(long_texts)


def journalled(folder):
    journal = folder / "journal.jsonl"
    return list(read_entries(journal)) if journal.exists() else []


def holder(folder):
    """What the lock says of its holder; nothing while it changes hands."""
    try:
        return (folder / "journal.jsonl.lock").read_text()
    except FileNotFoundError:
        return ""


def test_a_job_killed_at_twenty_random_moments_loses_nothing_it_had_recorded(engine, tmp_path):
    seed = time.time_ns()
    print(f"seed of the moments: {seed}")
    moments = random.Random(seed)
    size = 400
    before = []
    for _ in range(20):
        job = engine.start(tmp_path, size)
        time.sleep(moments.uniform(0, 0.8))
        assert job.alive()
        job.kill(signal.SIGKILL)
        while job.alive():
            time.sleep(0.001)
        after = journalled(tmp_path)
        assert after[: len(before)] == before
        before = after
    assert engine.start(tmp_path, size).ended()["status"] == 0
    assert journalled(tmp_path)[: len(before)] == before
    assert_complete(tmp_path, size, engine.prompts)
    starts = read_provenance(tmp_path / "samples.parquet")["engine_starts"]
    assert sum(start["samples"] for start in starts) == len(engine.prompts) * size
    sampled_from = {start["samples_before"]: start["seed"] for start in starts}
    assert len(set(sampled_from.values())) == len(sampled_from)  # a new seed, unless nothing was recorded since


def test_what_a_kill_takes_away_does_not_depend_on_how_long_samples_are(engine, tmp_path):
    """The journal is always a beginning of the list of requests, though later requests may have ended before."""
    job = engine.start(tmp_path)
    job.sampled(10)
    job.kill(signal.SIGKILL)
    wanted = [(problem, first) for problem in engine.prompts for first in range(0, 96, 16)]
    recorded = [(e["problem_id"], e["first"]) for e in journalled(tmp_path) if "problem_id" in e]
    assert 10 <= len(recorded) < len(wanted)
    assert recorded == wanted[: len(recorded)]


def test_sigterm_ends_a_job_within_seconds_and_the_next_one_goes_on(engine, tmp_path):
    job = engine.start(tmp_path)
    job.sampled(5)
    job.kill(signal.SIGTERM)
    asked = time.monotonic()
    assert job.ended()["status"] == 128 + signal.SIGTERM
    assert time.monotonic() - asked < 5
    assert "ended by SIGTERM with" in job.log()
    before = journalled(tmp_path)
    assert len(before) > 5
    assert not (tmp_path / "journal.jsonl.lock").exists()
    assert engine.start(tmp_path).ended()["status"] == 0
    assert journalled(tmp_path)[: len(before)] == before
    assert_complete(tmp_path, 96, engine.prompts)


def test_a_full_disk_is_an_error_that_says_so_and_loses_nothing_recorded(engine, tmp_path):
    job = engine.start(tmp_path, disk_kb=64)
    end = job.ended()
    assert end == {"full": 1, "status": 0}
    full, finished = tmp_path / "full", tmp_path / "end"
    assert (full / "journal.jsonl").stat().st_size > 32_000
    assert not (full / "samples.parquet").exists()
    before = journalled(full)
    assert before[1:]
    assert journalled(finished)[: len(before)] == before
    assert "damaged" not in (finished / "log").read_text()
    assert_complete(finished, 96, engine.prompts)


@pytest.mark.parametrize("harm", ["flipped bit", "lost end"])
def test_a_damaged_journal_is_seen_and_its_good_beginning_kept(engine, tmp_path, harm):
    job = engine.start(tmp_path)
    job.sampled(20)
    job.kill(signal.SIGTERM)
    job.ended()
    journal = tmp_path / "journal.jsonl"
    before, data = journalled(tmp_path), bytearray(journal.read_bytes())
    middle = len(data) // 2
    if harm == "flipped bit":
        data[middle] ^= 4
    else:
        del data[middle:]
    journal.write_bytes(data)
    kept = journalled(tmp_path)
    assert 5 < len(kept) < len(before)
    assert kept == before[: len(kept)]
    job = engine.start(tmp_path)
    assert job.ended()["status"] == 0
    assert ("damaged at byte" in job.log()) == (harm == "flipped bit")  # a kill, too, may tear the last line
    assert (tmp_path / "journal.jsonl.damaged").exists() == (harm == "flipped bit")
    assert journalled(tmp_path)[: len(kept)] == kept
    assert_complete(tmp_path, 96, engine.prompts)


def test_a_second_job_on_a_shard_does_not_write_and_names_the_first(engine, tmp_path):
    first = engine.start(tmp_path, 4000, lease_seconds=4)
    first.sampled(2)
    second = engine.start(tmp_path, 4000, lease_seconds=4)
    assert second.ended()["status"] == 1
    assert f"process {first.pid} on " in second.log()
    assert "is working on this shard" in second.log()
    assert first.alive()
    first.kill(signal.SIGKILL)  # a dead holder on the same machine is not waited for
    wait_until(lambda: not first.alive(), "the first one's end")
    third = engine.start(tmp_path, 4000, lease_seconds=600)
    wait_until(lambda: f"pid={third.pid}\n" in holder(tmp_path), "the takeover of the lock", 20)
    third.kill(signal.SIGKILL)


def test_a_job_that_stood_still_until_another_took_over_does_not_write_again(engine, tmp_path):
    """As on a machine that is cut off from a shared disk for a while: the holder lives, but gives no sign of it."""
    first = engine.start(tmp_path, lease_seconds=4)
    first.sampled(5)
    first.kill(signal.SIGSTOP)
    second = engine.start(tmp_path, lease_seconds=4)
    assert second.ended()["status"] == 0
    finished = (tmp_path / "journal.jsonl").read_bytes()
    (tmp_path / "end.json").unlink()
    first.kill(signal.SIGCONT)
    assert first.ended()["status"] == 1
    assert (tmp_path / "journal.jsonl").read_bytes() == finished
    assert_complete(tmp_path, 96, engine.prompts)


def test_memory_does_not_grow_with_the_number_of_samples(engine, tmp_path):
    ends = {}
    for size in (64, 256):
        (tmp_path / str(size)).mkdir()
        ends[size] = engine.start(tmp_path / str(size), size).ended()
    print(ends)
    assert ends[64]["mb"] > 1
    assert ends[256]["mb"] < ends[64]["mb"] + 16
    more = 10 * (256 - 64)
    assert ends[256]["blocks"] < ends[64]["blocks"] + 20 * more  # an output of the engine is a hundred
