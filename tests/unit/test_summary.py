import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monkeys.sampling import summary as module
from monkeys.sampling.journal import Journal
from monkeys.sampling.shard import Sample, Shard, ShardProgress
from monkeys.sampling.summary import summary
from monkeys.storage import read_provenance


@pytest.fixture
def results(tmp_path):
    """Two problems, 8 samples each, in shards of 4: the first finished, the second half done."""
    (tmp_path / "problems").mkdir()
    pq.write_table(pa.Table.from_pylist([{"problem_id": "a"}, {"problem_id": "b"}]), tmp_path / "problems/t.parquet")
    for index, wanted in ((0, 8), (1, 4)):
        shard = Shard("s", 0, "t", "m", index, 4, {})
        with Journal(tmp_path / f".journal/t/m/{index}.jsonl", "s") as journal:
            progress = ShardProgress(shard, {"a": "p", "b": "p"}, journal)
            progress.begin({"engine": "e"})
            for gap in list(progress.gaps(2)):
                if progress.num_samples < wanted:
                    progress._began -= 10  # each gap took ten seconds
                    progress.add(gap, 5, [Sample("x", 100, "stop", -1.0), Sample("x", 100, "length", -1.0)])
            if index == 0:
                progress.write(tmp_path / "samples/t/m/0.parquet")
    return tmp_path


def test_a_row_has_samples_tokens_speed_and_time_left(results):
    (row,) = summary(results, [("t", "m", index, 4) for index in range(3)]).to_dict("records")
    assert row == {
        "task": "t",
        "model": "m",
        "samples": "12",
        "wanted": "24",
        "tokens": "1,200",
        "tokens/s": "20",
        "truncated": "50.0%",
        "time left": "60 s",
    }


def test_only_the_target_is_known_before_sampling(results):
    (row,) = summary(results, [("t", "other", 0, 4)]).to_dict("records")
    assert (row["samples"], row["wanted"], row["tokens/s"], row["time left"]) == ("0", "8", "?", "?")
    (row,) = summary(results, [("unknown", "m", 0, 4)]).to_dict("records")
    assert (row["samples"], row["wanted"]) == ("0", "?")


def test_a_finished_study_has_no_time_left(results):
    (row,) = summary(results, [("t", "m", 0, 4)]).to_dict("records")
    assert (row["samples"], row["wanted"], row["time left"]) == ("8", "8", "0 s")


@pytest.mark.parametrize(
    ("seconds", "text"), [(29, "29 s"), (90, "90 s"), (150, "2 min"), (3600 * 30 + 300, "30 h 5 min")]
)
def test_durations_are_human_readable(seconds, text):
    assert module.duration(seconds) == text


def test_the_provenance_of_a_finished_shard_contains_what_the_summary_needs(results):
    provenance = read_provenance(results / "samples/t/m/0.parquet")
    (start,) = provenance["engine_starts"]
    assert json.dumps(provenance)
    assert (start["samples"], round(start["seconds"])) == (8, 40)
