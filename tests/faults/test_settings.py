"""Effects of sampling settings on samples of the real engine."""

import math

import pytest

from monkeys.storage import read_rows


@pytest.fixture
def draw(engine, tmp_path):
    """Function that draws 16 samples of ten problems with changed settings and returns the rows."""

    def run(**sampling):
        assert engine.start(tmp_path, 16, sampling).result()["status"] == 0
        return list(read_rows(tmp_path / "samples.parquet"))

    return run


def test_samples_have_reasons_token_counts_and_log_probabilities(draw):
    rows = draw(max_tokens=24)
    assert {row["finish_reason"] for row in rows} == {"stop", "length"}
    assert all(row["tokens"] == 24 for row in rows if row["finish_reason"] == "length")
    assert all(0 < row["tokens"] <= 24 for row in rows)
    assert all(math.isfinite(row["logprob"]) and row["logprob"] < 0 for row in rows)


@pytest.mark.parametrize("kept", [False, True])
def test_a_stop_string_ends_a_sample_and_is_kept_if_requested(draw, kept):
    rows = [row for row in draw(stop=["\n"], include_stop=kept) if row["finish_reason"] == "stop"]
    assert len(rows) > 100
    ended = [row for row in rows if row["text"].endswith("\n")]
    assert len(ended) > 100 if kept else not ended
    assert all("\n" not in row["text"].removesuffix("\n") for row in rows)


@pytest.mark.parametrize("greedy", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}])
def test_greedy_settings_give_one_distinct_sample_per_problem(draw, greedy):
    rows = draw(**greedy)
    assert len({(row["problem_id"], row["text"]) for row in rows}) == len({row["problem_id"] for row in rows}) == 10


def test_samples_end_with_the_context_and_are_empty_if_the_prompt_fills_it(engine, tmp_path):
    line = "Tom has 12 pens and buys 7 more. "
    prompts = {"short": line, "long": line * 20, "too-long": line * 40}
    assert engine.start(tmp_path, 32, {"max_tokens": 300}, prompts=prompts).result()["status"] == 0
    rows = {problem: [] for problem in prompts}
    for row in read_rows(tmp_path / "samples.parquet"):
        rows[row["problem_id"]].append(row)
    room = 320 - rows["long"][0]["prompt_tokens"]
    assert 0 < room < 100
    assert all(row["tokens"] <= room for row in rows["long"])
    assert {row["tokens"] for row in rows["long"] if row["finish_reason"] == "length"} == {room}
    empty = {(row["text"], row["tokens"], row["finish_reason"], row["logprob"]) for row in rows["too-long"]}
    assert empty == {("", 0, "length", 0.0)}
    assert len(rows["too-long"]) == len(rows["short"]) == 32
