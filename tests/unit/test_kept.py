"""Samples that were drawn once are there again when a job wants them."""

import pytest

from monkeys.sampling import kept
from monkeys.storage import SAMPLES, read_rows, write_parquet

ROW = {
    "problem_id": "a",
    "sample": 0,
    "text": "42",
    "prompt_tokens": 3,
    "tokens": 1,
    "finish_reason": "stop",
    "logprob": -0.5,
}


@pytest.fixture
def samples(tmp_path):
    path = tmp_path / "results/samples/t/m/0.parquet"
    write_parquet(
        path, SAMPLES, [{**ROW, "sample": n, "text": f"{n} is 42"} for n in range(1000)], {"settings": "warm"}
    )
    kept.keep(path)
    return path


def test_samples_that_were_deleted_come_back_with_their_settings_alone(samples):
    before = samples.read_bytes()
    samples.unlink()
    assert not kept.restore(samples, "cold")
    assert not samples.exists()
    assert kept.restore(samples, "warm")
    assert samples.read_bytes() == before


def test_samples_of_several_settings_are_kept_side_by_side(samples):
    write_parquet(samples, SAMPLES, [{**ROW, "text": "43"}], {"settings": "cold"})
    kept.keep(samples)
    for settings, text in (("warm", "0 is 42"), ("cold", "43"), ("warm", "0 is 42")):
        assert kept.restore(samples, settings)
        assert next(iter(read_rows(samples)))["text"] == text


def test_the_second_name_takes_no_room(samples):
    kept.keep(samples)
    assert samples.samefile(kept.place(samples, "warm"))


def test_kept_samples_that_are_damaged_are_not_taken(samples, capsys):
    there = kept.place(samples, "warm")
    data = bytearray(there.read_bytes())
    data[len(data) // 3] ^= 1
    there.write_bytes(data)
    assert not kept.restore(samples, "warm")
    assert "damaged" in capsys.readouterr().err and not there.exists()


def test_samples_of_others_are_left_alone(tmp_path):
    path = tmp_path / "results/samples/t/m/0.parquet"
    write_parquet(path, SAMPLES, [ROW], {})
    kept.keep(path)
    assert not (tmp_path / "results/.samples").exists()
