from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monkeys.sampling.journal import Journal
from monkeys.sampling.shard import Gap, Sample, Shard, ShardProgress
from monkeys.storage import read_provenance, read_rows

PROMPTS = {"a": "prompt a", "b": "prompt b"}
SHARD = Shard(
    study="s", study_seed=0, task="t", model="m", index=2, size=10, model_settings={"sampling": {"temperature": 1.0}}
)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "2.jsonl", "settings") as journal:
        yield journal


def samples(gap, reason="stop"):
    return [Sample(f"{gap.problem_id} {gap.first + i}", 3, reason, -0.5) for i in range(gap.count)]


def test_a_new_shard_requests_all_its_samples_problem_by_problem(journal):
    gaps = list(ShardProgress(SHARD, PROMPTS, journal).gaps(max_samples=4))
    assert gaps == [Gap(problem, first, count) for problem in "ab" for first, count in ((20, 4), (24, 4), (28, 2))]


@given(done=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), unique=True), largest=st.integers(1, 12))
def test_exactly_the_missing_samples_are_requested(tmp_path_factory, done, largest):
    with Journal(tmp_path_factory.mktemp("journal") / "2.jsonl", "settings") as journal:
        progress = ShardProgress(SHARD, PROMPTS, journal)
        for problem, position in done:
            progress.add(gap := Gap(problem, 20 + position, 1), 5, samples(gap))
        for state in (progress, ShardProgress(SHARD, PROMPTS, journal)):  # while it runs, and after it resumes
            gaps = list(state.gaps(largest))
            asked = [(r.problem_id, r.first - 20 + i) for r in gaps for i in range(r.count)]
            assert sorted(asked + done) == [(problem, n) for problem in "ab" for n in range(10)]
            assert max((r.count for r in gaps), default=0) <= largest
            assert state.missing == 20 - len(done)


def test_a_complete_journal_becomes_a_samples_file_with_its_provenance(journal, tmp_path):
    progress = ShardProgress(SHARD, PROMPTS, journal)
    progress.begin({"engine": "e", "seed": 1})
    gaps = list(progress.gaps(7))
    for gap in gaps[:2]:
        progress.add(gap, 5, samples(gap))
    progress.begin({"engine": "e", "seed": 2})
    for gap in gaps[2:]:
        progress.add(gap, 5, samples(gap, "length"))
    path = tmp_path / "2.parquet"
    assert progress.write(path) == 20
    rows = list(read_rows(path))
    assert [(row["problem_id"], row["sample"]) for row in rows] == [(p, n) for p in "ab" for n in range(20, 30)]
    assert all(row["text"] == f"{row['problem_id']} {row['sample']}" for row in rows)
    assert {row["finish_reason"] for row in rows[10:]} == {"length"}
    provenance = read_provenance(path)
    starts = [{key: start[key] for key in start if key != "seconds"} for start in provenance["engine_starts"]]
    assert starts == [
        {"engine": "e", "seed": 1, "samples_before": 0, "samples": 10},
        {"engine": "e", "seed": 2, "samples_before": 10, "samples": 10},
    ]
    assert all(0 <= start["seconds"] < 10 for start in provenance["engine_starts"])
    assert (provenance["samples"], provenance["generated_tokens"], provenance["truncated"]) == (20, 60, 10)
    assert provenance["model_settings"] == SHARD.model_settings


def test_an_incomplete_journal_becomes_no_file(journal, tmp_path):
    with pytest.raises(ValueError, match="20 samples are missing"):
        ShardProgress(SHARD, PROMPTS, journal).write(tmp_path / "2.parquet")
    assert not (tmp_path / "2.parquet").exists()


@pytest.mark.parametrize("reason", ["abort", "error", None])
def test_an_aborted_or_incomplete_request_is_an_error_and_not_recorded(journal, reason):
    progress = ShardProgress(SHARD, PROMPTS, journal)
    gap = next(progress.gaps(4))
    with pytest.raises(RuntimeError, match="problem a, samples from 20"):
        progress.add(gap, 5, samples(gap, reason))
    with pytest.raises(RuntimeError, match="asked for 4, got 3"):
        progress.add(gap, 5, samples(gap)[:3])
    assert progress.missing == 20


@pytest.mark.parametrize(
    ("tokens", "usage", "logprob", "message"),
    [
        (-1, {}, -0.5, "-1 tokens"),
        (2**31, {}, -0.5, "2147483648 tokens"),
        (3, {"prompt_tokens": "7"}, -0.5, "'7' tokens"),
        (3, {"prompt_tokens": True}, -0.5, "True tokens"),
        (3, {}, float("nan"), "log-probability nan"),
        (3, {}, 2.0, "log-probability 2.0"),
    ],
)
def test_values_that_a_samples_file_cannot_hold_are_not_recorded(journal, tokens, usage, logprob, message):
    progress = ShardProgress(SHARD, PROMPTS, journal)
    gap = next(progress.gaps(4))
    with pytest.raises(RuntimeError, match=f"problem a, samples from 20: .*{message}"):
        progress.add(gap, 5, [Sample("", tokens, "stop", logprob)] * 4, usage)
    assert list(journal.entries()) == []
    progress.add(gap, 5, samples(gap))


def test_samples_are_never_recorded_twice(journal):
    progress = ShardProgress(SHARD, PROMPTS, journal)
    gap = next(progress.gaps(4))
    progress.add(gap, 5, samples(gap))
    with pytest.raises(ValueError, match="overlap"):
        progress.add(gap, 5, samples(gap))


def test_every_engine_start_has_its_own_seed():
    starts = [
        replace(SHARD, study_seed=seed, task=task, model=model, index=index).engine_seed(done)
        for seed in (0, 1)
        for task in "tu"
        for model in "mn"
        for index in (0, 1)
        for done in (0, 16)
    ]
    assert len(set(starts)) == len(starts)
    assert all(0 <= seed < 2**31 for seed in starts)
    assert SHARD.engine_seed(0) == SHARD.engine_seed(0) == replace(SHARD, study="renamed").engine_seed(0)


def test_only_changes_to_the_distribution_change_the_settings_digest():
    settings = SHARD.settings(PROMPTS)
    assert replace(SHARD, study="renamed").settings(PROMPTS) == settings
    assert SHARD.settings(dict(reversed(PROMPTS.items()))) == settings
    assert SHARD.settings({**PROMPTS, "b": "another prompt"}) != settings
    assert replace(SHARD, study_seed=1).settings(PROMPTS) != settings
    assert replace(SHARD, model_settings={"sampling": {"temperature": 0.5}}).settings(PROMPTS) != settings
