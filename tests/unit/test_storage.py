import random

import pyarrow.parquet as pq
import pytest

from monkeys.storage import (
    SAMPLES,
    canonical,
    digest,
    parquet_writer,
    read_provenance,
    read_rows,
    read_table,
    replacing,
    write_parquet,
)


def rows(count):
    for number in range(count):
        yield {
            "problem_id": f"p{number % 3}",
            "sample": number,
            "text": f"text {number}",
            "prompt_tokens": 5,
            "tokens": 7,
            "finish_reason": "stop",
            "logprob": -1.5,
        }


def test_a_file_is_replaced_atomically(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half of the n")
        assert target.read_text() == "old"
        raise RuntimeError
    assert target.read_text() == "old"
    with replacing(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_rows_survive_a_round_trip_through_parquet(tmp_path):
    path = tmp_path / "deep" / "samples.parquet"
    assert write_parquet(path, SAMPLES, rows(10), {}) == 10
    unknown = dict.fromkeys(SAMPLES.names)
    assert list(read_rows(path)) == [{**unknown, **row} for row in rows(10)]


def test_rows_are_written_in_groups_as_they_arrive(tmp_path):
    path = tmp_path / "samples.parquet"
    with parquet_writer(path, SAMPLES, {}, group_rows=20) as add:
        for row in rows(95):
            add(row)
        (growing,) = tmp_path.iterdir()
        assert growing.stat().st_size > 4  # earlier groups are already on disk
    assert pq.read_metadata(path).num_row_groups == 5
    assert pq.read_metadata(path).row_group(0).column(2).compression == "ZSTD"


def test_long_texts_make_small_groups(tmp_path):
    path = tmp_path / "samples.parquet"
    with parquet_writer(path, SAMPLES, {}, group_characters=1000) as add:
        for row in rows(50):
            add({**row, "text": "x" * 100})
    assert pq.read_metadata(path).num_row_groups >= 5
    assert len(list(read_rows(path))) == 50


def test_provenance_may_be_added_while_rows_are_written(tmp_path):
    provenance = {"model": "m"}
    with parquet_writer(tmp_path / "a.parquet", SAMPLES, provenance) as add:
        for row in rows(3):
            add(row)
        provenance["samples"] = 3
    assert read_provenance(tmp_path / "a.parquet") == {"model": "m", "samples": 3}


def test_a_failing_source_leaves_no_file(tmp_path):
    def failing():
        yield from rows(5)
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="the source failed"):
        write_parquet(tmp_path / "samples.parquet", SAMPLES, failing(), {})
    assert not list(tmp_path.iterdir())


def test_provenance_is_stored_in_the_file(tmp_path):
    write_parquet(tmp_path / "a.parquet", SAMPLES, rows(1), {"seed": 3, "model": "m"})
    assert read_provenance(tmp_path / "a.parquet") == {"seed": 3, "model": "m"}


def test_the_order_of_keys_does_not_affect_a_digest():
    assert canonical({"b": 1, "a": [2.5, None]}) == '{"a":[2.5,null],"b":1}'
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1}) != digest({"a": 2, "b": 2})


def test_a_flipped_bit_changes_nothing_or_is_an_error_that_names_the_file(tmp_path):
    """Only in pages: they hold the data and make up nearly all of a file."""
    path, damaged_file = tmp_path / "samples.parquet", tmp_path / "damaged_file.parquet"
    write_parquet(path, SAMPLES, rows(500), {})
    whole, table = list(read_rows(path)), read_table(path)
    data = path.read_bytes()
    pages = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    found, seed = 0, random.Random(0)
    for _ in range(200):
        bits = bytearray(data)
        bits[seed.randrange(4, pages)] ^= 1 << seed.randrange(8)
        damaged_file.write_bytes(bits)
        for read, expected in ((lambda p: list(read_rows(p)), whole), (read_table, table)):
            try:
                assert read(damaged_file) == expected
            except ValueError as error:
                assert str(error).startswith(f"{damaged_file}: damaged (")
                found += 1
    assert found > 300


def test_a_missing_file_is_not_reported_as_damaged(tmp_path):
    for read in (read_table, read_provenance, lambda path: list(read_rows(path))):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "nothing.parquet")
