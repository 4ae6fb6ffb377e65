"""Samples, verdicts and rewards that were made once are reused by later jobs."""

import json
from dataclasses import replace

import pytest

from monkeys import kept
from monkeys.kept import MadeFrom
from monkeys.sampling.journal import Journal
from monkeys.sampling.shard import Sample, Shard, open_shard
from monkeys.storage import SAMPLES, read_provenance, read_rows, write_parquet

ROW = {
    "problem_id": "a",
    "sample": 0,
    "text": "42",
    "prompt_tokens": 3,
    "tokens": 1,
    "finish_reason": "stop",
    "logprob": -0.5,
}
WARM, COLD = (MadeFrom(settings, {"a": "prompt"}) for settings in ("warm", "cold"))


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def samples(results):
    path = results / "samples/t/m/0.parquet"
    rows = [{**ROW, "sample": n, "text": f"{n} is 42"} for n in range(1000)]
    write_parquet(path, SAMPLES, rows, WARM.as_provenance())
    kept.keep(results, path)
    return path


def test_deleted_samples_are_restored_only_for_the_same_settings(results, samples):
    before = samples.read_bytes()
    samples.unlink()
    assert not kept.restore(results, samples, COLD)
    assert not samples.exists()
    assert kept.restore(results, samples, WARM)
    assert samples.read_bytes() == before


def test_samples_of_several_settings_are_kept(results, samples):
    write_parquet(samples, SAMPLES, [{**ROW, "text": "43"}], COLD.as_provenance())
    kept.keep(results, samples)
    for settings, text in ((WARM, "0 is 42"), (COLD, "43"), (WARM, "0 is 42")):
        assert kept.restore(results, samples, settings)
        assert next(iter(read_rows(samples)))["text"] == text


def test_the_kept_copy_is_a_hard_link(results, samples):
    kept.keep(results, samples)
    assert samples.samefile(kept.kept_path(results, samples, WARM))


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def test_damaged_kept_samples_are_not_restored(results, samples, capsys):
    damage(there := kept.kept_path(results, samples, WARM))
    assert not kept.restore(results, samples, WARM)
    assert "damaged" in capsys.readouterr().err and not there.exists()


def test_files_without_provenance_are_not_kept(results):
    path = results / "samples/t/m/0.parquet"
    write_parquet(path, SAMPLES, [ROW], {})
    kept.keep(results, path)
    assert not (results / ".kept").exists()


def keep_samples(results, settings, problems, shard=0):
    """A file of three samples of each of these problems, kept."""
    path = results / f"samples/t/m/{shard}.parquet"
    rows = [{**ROW, "problem_id": p, "sample": n, "text": f"{settings} {p} {n}"} for p in problems for n in range(3)]
    write_parquet(path, SAMPLES, rows, MadeFrom(settings, problems).as_provenance())
    kept.keep(results, path)
    return path


def test_rows_of_the_same_problems_are_collected_from_all_kept_files(results):
    keep_samples(results, "warm", {"a": "1", "b": "1"})
    keep_samples(results, "warm", {"c": "1", "d": "1"})
    keep_samples(results, "cold", {"e": "1"})
    path = keep_samples(results, "warm", {"f": "1"}, shard=1)
    found = kept.rows(results, path.with_name("0.parquet"), MadeFrom("warm", dict.fromkeys("abcef", "1") | {"d": "2"}))
    assert sorted(row["text"] for row in found) == [f"warm {problem} {n}" for problem in "abc" for n in range(3)]


def test_rows_of_a_damaged_file_are_found_in_another_one(results, capsys):
    path = keep_samples(results, "warm", {"a": "1", "b": "1"})
    damage(kept.kept_path(results, path, MadeFrom("warm", {"a": "1", "b": "1"})))
    keep_samples(results, "warm", {"a": "1"})
    found = kept.rows(results, path, MadeFrom("warm", {"a": "1", "b": "1"}))
    assert {row["problem_id"] for row in found} == {"a"}
    assert "damaged" in capsys.readouterr().err


def digests_of(tmp_path, rows):
    path = tmp_path / "some.parquet"
    write_parquet(path, SAMPLES, [{**ROW, "problem_id": p, "sample": n, "text": text} for p, n, text in rows], {})
    return kept.text_digests(path)


def test_digests_of_samples_depend_on_number_and_text_but_not_on_order(tmp_path):
    rows = [("a", 0, "x"), ("a", 1, "y"), ("b", 0, "x"), ("b", 1, "y")]
    digests = digests_of(tmp_path, rows)
    assert digests["a"] == digests["b"]
    assert digests_of(tmp_path, rows[::-1]) == digests
    for other in ([("a", 0, "y"), ("a", 1, "x")], [("a", 0, "x")], [("a", 0, "x"), ("a", 1, "z")]):
        assert digests_of(tmp_path, other)["a"] != digests["a"]


SHARD = Shard(study="s", study_seed=0, task="t", model="m", index=1, size=10, model_settings={"temperature": 1})


def sample_missing(results, prompts, shard=SHARD, max_requests=None, per_request=4):
    """Draw the missing samples, each with a distinct text; return the (problem, sample) pairs requested.

    Interrupted after `max_requests`, if given.
    """
    file = results / "samples/t/m/1.parquet"
    journal = results / ".journal/t/m/1.jsonl"
    asked = []
    with open_shard(shard, prompts, str(journal), str(file), results=str(results)) as progress:
        progress.begin({"engine": f"for {len(prompts)}", "seed": 1})
        for number, gap in enumerate(list(progress.gaps(per_request))):
            if number == max_requests:
                raise InterruptedError
            numbers = range(gap.first, gap.first + gap.count)
            texts = [f"{prompts[gap.problem_id]} {n} of {len(prompts)}" for n in numbers]
            progress.add(gap, 5, [Sample(text, 3, "stop", -0.5) for text in texts], {"billed": 7})
            asked += [(gap.problem_id, n) for n in numbers]
    kept.keep(results, file)
    journal.unlink()
    return asked


def test_added_problems_are_sampled_without_resampling_the_others(results):
    sample_missing(results, {p: f"prompt {p}" for p in "ab"})
    before = list(read_rows(results / "samples/t/m/1.parquet"))
    asked = sample_missing(results, {p: f"prompt {p}" for p in "abc"})
    assert asked == [("c", n) for n in range(10, 20)]
    rows = list(read_rows(results / "samples/t/m/1.parquet"))
    assert rows[:20] == before
    provenance = read_provenance(results / "samples/t/m/1.parquet")
    starts = [(s["engine"], s["samples_before"], s["samples"]) for s in provenance["engine_starts"]]
    assert [s for s in starts if s[2]] == [("for 2", 0, 20), ("for 3", 20, 10)]
    assert (provenance["samples"], provenance["generated_tokens"]) == (30, 90)
    assert "usage" not in provenance  # usage billed for two problems cannot be split between them


def test_a_new_prompt_resamples_its_problem_and_new_settings_resample_all(results):
    prompts = {p: f"prompt {p}" for p in "ab"}
    sample_missing(results, prompts)
    assert {problem for problem, _ in sample_missing(results, prompts | {"b": "another"})} == {"b"}
    assert len(sample_missing(results, prompts, replace(SHARD, model_settings={"temperature": 2}))) == 20
    assert len(sample_missing(results, prompts, replace(SHARD, study_seed=1))) == 20


def test_samples_in_an_unfinished_journal_are_reused_for_the_remaining_problems(results):
    with pytest.raises(InterruptedError):
        sample_missing(results, {p: f"prompt {p}" for p in "ab"}, max_requests=4)
    asked = sample_missing(results, {p: f"prompt {p}" for p in "bcd"})
    assert asked == [("b", n) for n in range(14, 20)] + [(p, n) for p in "cd" for n in range(10, 20)]
    rows = list(read_rows(results / "samples/t/m/1.parquet"))
    assert [row["text"] for row in rows[:4]] == [f"prompt b {n} of 2" for n in range(10, 14)]
    assert [row["sample"] for row in rows] == [n for _ in "bcd" for n in range(10, 20)]


def test_reused_samples_are_charged_their_share_of_time(results):
    shard = SHARD
    sample_missing(results, {p: f"prompt {p}" for p in "ab"})
    file = results / "samples/t/m/1.parquet"
    rows, provenance = list(read_rows(file)), read_provenance(file)
    provenance["engine_starts"][0]["seconds"] = 100.0
    write_parquet(file, SAMPLES, rows, provenance)
    for there in (results / ".kept").rglob("*.parquet"):
        there.unlink()
    kept.keep(results, file)
    sample_missing(results, {p: f"prompt {p}" for p in "bc"}, shard)
    starts = [start for start in read_provenance(file)["engine_starts"] if start["samples"]]
    assert [start.get("taken_up") for start in starts] == [True, None]
    assert starts[0]["seconds"] == 50.0


def test_the_first_line_of_a_journal_names_its_problems(tmp_path):
    with Journal(tmp_path / "0.jsonl", "settings", header=WARM.as_provenance()):
        pass
    header = json.loads((tmp_path / "0.jsonl").read_text().partition(" ")[2])
    assert MadeFrom.of(header) == WARM
