import threading
import time
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monkeys import kept, verification
from monkeys.analysis.tally import tally
from monkeys.progress import Note
from monkeys.storage import SAMPLES, VERDICTS, read_provenance, read_rows, write_parquet
from monkeys.verification import Settings, Verdict, Verifier
from monkeys.verification.shard import BATCH_SIZE, verify_shard


def write_samples(path, first, texts, tokens=(10,), **provenance):
    """One sample per text and problem, their lengths in turn; problem ids are the keys."""
    provenance = {"task": "t", "model": "m", "index": 0} | provenance
    rows = [
        {
            "problem_id": problem,
            "sample": first + i,
            "text": text,
            "prompt_tokens": 4,
            "tokens": tokens[i % len(tokens)],
            "finish_reason": "stop",
        }
        for problem, answers in texts.items()
        for i, text in enumerate(answers)
    ]
    write_parquet(path, SAMPLES, ({"logprob": None, **row} for row in rows), provenance)


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "problems.parquet"
    rows = [{"problem_id": "b", "reference": "#### 2"}, {"problem_id": "a", "reference": "#### 1"}]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


@pytest.fixture
def shard(tmp_path, problems):
    samples, verdicts = str(tmp_path / "samples.parquet"), str(tmp_path / "verdicts.parquet")
    write_samples(samples, 0, {"b": ["#### 2", "#### 1", "#### 2"], "a": ["#### 2", "#### 1", "?"]})
    verify_shard(problems, samples, verdicts, "gsm8k", Settings())
    return samples, verdicts


def test_every_sample_gets_one_verdict_in_the_samples_order(shard):
    rows = [(r["problem_id"], r["sample"], r["outcome"], r["answer"]) for r in read_rows(shard[1])]
    assert rows == [
        ("b", 0, "correct", "2"),
        ("b", 1, "wrong", "1"),
        ("b", 2, "correct", "2"),
        ("a", 0, "wrong", "2"),
        ("a", 1, "correct", "1"),
        ("a", 2, "no_answer", None),
    ]
    provenance = read_provenance(shard[1])
    assert (provenance["verifier"], provenance["settings"]["cpu_seconds"]) == ("gsm8k", 5)
    assert provenance["samples"]["model"] == "m"


@pytest.fixture
def toy(monkeypatch):
    """A verifier whose verdicts a test sets with `toy.judge(problem_id, answer)`; `toy.asked` lists its calls."""

    class Toy(Verifier):
        version = 7
        asked: ClassVar[list] = []
        judge = staticmethod(lambda problem, answer: Verdict("correct"))
        lock = threading.Lock()

        def extract(self, text):
            return text.strip() or None

        def verify(self, problem, answers):
            with self.lock:
                self.asked.append((problem["problem_id"], *answers))
            for answer in answers:
                yield self.judge(problem["problem_id"], answer)

    monkeypatch.setattr(verification, "load", lambda name: Toy)
    return Toy


def verify(tmp_path, problems, texts, threads=1):
    """Verify these samples; return their outcomes and the verdicts' provenance."""
    samples, verdicts = str(tmp_path / "s.parquet"), str(tmp_path / "v.parquet")
    write_samples(samples, 0, texts)
    verify_shard(problems, samples, verdicts, "toy", Settings(threads=threads))
    return [row["outcome"] for row in read_rows(verdicts)], read_provenance(verdicts)


def test_each_distinct_answer_to_a_problem_is_judged_once(tmp_path, problems, toy):
    texts = {"a": ["1", " 1 ", "2"] * 50, "b": ["1", ""] * 50}
    outcomes, provenance = verify(tmp_path, problems, texts)
    assert sorted(toy.asked) == [("a", "1", "2"), ("b", "1")]
    assert outcomes == ["correct"] * 150 + ["correct", "no_answer"] * 50
    assert (provenance["distinct"], provenance["verifier_version"]) == (3, 7)


@pytest.fixture
def verify_again(tmp_path, problems, toy):
    """Function that verifies samples in a results folder and returns the verifier's calls, outcomes and provenance."""
    results = tmp_path / "results"
    verdicts = results / "verdicts/t/m/0.parquet"
    samples = str(tmp_path / "s.parquet")

    def verify_again(texts, made_with="settings"):
        toy.asked.clear()
        write_samples(samples, 0, texts)
        verify_shard(problems, samples, str(verdicts), "toy", Settings(), made_with=made_with, results=str(results))
        kept.keep(results, verdicts)
        outcomes = [row["outcome"] for row in read_rows(verdicts)]
        return sorted(toy.asked), outcomes, read_provenance(verdicts)

    return verify_again


def test_verdicts_on_unchanged_samples_of_a_problem_are_reused(toy, verify_again):
    toy.judge = staticmethod(lambda problem, answer: Verdict("correct" if answer == "1" else "wrong", answer))
    assert verify_again({"a": ["1", "2", "1", ""]})[1] == ["correct", "wrong", "correct", "no_answer"]
    asked, outcomes, provenance = verify_again({"b": ["1"], "a": ["1", "2", "1", ""]})
    assert asked == [("b", "1")]
    assert outcomes == ["correct", "correct", "wrong", "correct", "no_answer"]
    assert (provenance["taken_up"], provenance["distinct"]) == (4, 1)
    asked, outcomes, _ = verify_again({"a": ["2", "1", "1", ""], "b": ["1"]})
    assert asked == [("a", "2", "1")]  # the same texts with other sample numbers are other samples
    assert outcomes == ["wrong", "correct", "correct", "no_answer", "correct"]


def test_changed_settings_or_references_prevent_reuse_of_verdicts(verify_again, problems):
    verify_again({"a": ["1"], "b": ["2"]})
    assert verify_again({"a": ["1"], "b": ["2"]})[0] == []
    assert verify_again({"a": ["1"], "b": ["2"]}, made_with="others")[0] == [("a", "1"), ("b", "2")]
    rows = [{"problem_id": "b", "reference": "#### 2"}, {"problem_id": "a", "reference": "another"}]
    pq.write_table(pa.Table.from_pylist(rows), problems)
    assert verify_again({"a": ["1"], "b": ["2"]})[0] == [("a", "1")]


def test_verifier_errors_are_not_reused(toy, verify_again):
    toy.judge = staticmethod(lambda problem, answer: Verdict("verifier_error" if answer == "2" else "correct"))
    verify_again({"a": ["1", "2"], "b": ["1"]})
    toy.judge = staticmethod(lambda problem, answer: Verdict("correct"))
    asked, outcomes, _ = verify_again({"a": ["1", "2"], "b": ["1"]})
    assert asked == [("a", "1", "2")]
    assert outcomes == ["correct"] * 3


def test_batches_of_answers_do_not_depend_on_the_number_of_threads(tmp_path, problems, toy):
    texts = {"a": [str(n) for n in range(3 * BATCH_SIZE + 5)], "b": [str(n) for n in range(BATCH_SIZE)]}
    asked = []
    for threads in (1, 4):
        toy.asked.clear()
        verify(tmp_path, problems, texts, threads)
        asked.append(sorted(toy.asked))
    assert asked[0] == asked[1]
    assert sorted(len(answers) for _, *answers in asked[0]) == [5, *[BATCH_SIZE] * 4]


def test_all_threads_judge_concurrently(tmp_path, problems, toy):
    barrier = threading.Barrier(4, timeout=20)
    toy.judge = staticmethod(lambda problem, answer: barrier.wait() + 1 and Verdict("wrong"))
    texts = {"a": [str(n) for n in range(2 * BATCH_SIZE)], "b": [str(n) for n in range(2 * BATCH_SIZE)]}
    outcomes, _ = verify(tmp_path, problems, texts, threads=4)
    assert outcomes == ["wrong"] * 4 * BATCH_SIZE


def test_uncertain_verdicts_are_judged_again_alone(tmp_path, problems, toy):
    in_progress, concurrency, seen = [], [], []

    def judge(problem, answer):
        in_progress.append(answer)
        concurrency.append((answer, len(in_progress)))
        time.sleep(0.002)
        in_progress.remove(answer)
        first = answer not in seen
        seen.append(answer)
        return Verdict("timeout", certain=False) if first and answer.startswith("slow") else Verdict("correct")

    toy.judge = staticmethod(judge)
    texts = {"a": [f"slow {n}" for n in range(3)] + [str(n) for n in range(100)], "b": ["slow"] * 20}
    outcomes, provenance = verify(tmp_path, problems, texts, threads=3)
    assert set(outcomes) == {"correct"}
    assert provenance["judged_again"] == 4
    assert sorted(concurrency[-4:]) == [("slow", 1), ("slow 0", 1), ("slow 1", 1), ("slow 2", 1)]


def test_a_verifier_failure_is_retried_and_never_counted_as_wrong(tmp_path, problems, toy):
    def judge(problem, answer):
        broken = answer == "broken" or len([call for call in toy.asked if answer in call]) == 1
        return Verdict("verifier_error", certain=False) if broken else Verdict("correct")

    toy.judge = staticmethod(judge)
    outcomes, _ = verify(tmp_path, problems, {"a": ["flaky", "broken", "broken"]})
    assert outcomes == ["correct", "verifier_error", "verifier_error"]
    row = tally([str(tmp_path / "s.parquet")], [str(tmp_path / "v.parquet")]).iloc[0]
    assert (row["samples"], row["correct"], row["wrong"], row["verifier_error"]) == (1, 1, 0, 2)


def test_an_answer_that_fails_again_when_judged_alone_gets_its_repeat_outcome(tmp_path, problems, toy):
    toy.judge = staticmethod(
        lambda problem, answer: Verdict("verifier_error", certain=False, repeat_outcome="runtime_error")
    )
    outcomes, _ = verify(tmp_path, problems, {"a": ["deadly"]})
    assert outcomes == ["runtime_error"]


def test_an_exception_in_the_verifier_ends_the_job_without_a_file(tmp_path, problems, toy):
    def judge(problem, answer):
        raise RuntimeError("broken verifier")

    toy.judge = staticmethod(judge)
    with pytest.raises(RuntimeError, match="broken verifier"):
        verify(tmp_path, problems, {"a": [str(n) for n in range(1000)]}, threads=2)
    assert not (tmp_path / "v.parquet").exists()


def test_progress_counts_judged_samples(tmp_path, problems, toy):
    note, seen = Note(), []
    toy.judge = staticmethod(lambda problem, answer: seen.append(note.done) or Verdict("correct"))
    write_samples(tmp_path / "s.parquet", 0, {"a": ["1", "1", "2", ""], "b": ["1"]})
    paths = (str(tmp_path / "s.parquet"), str(tmp_path / "v.parquet"))
    verify_shard(problems, *paths, "toy", Settings(), note)
    assert (note.before, note.done, note.total) == (0, 5, 5)
    assert max(seen) < 5


def test_samples_of_unknown_problems_are_an_error(tmp_path, problems):
    write_samples(tmp_path / "s.parquet", 0, {"c": ["#### 1"]})
    with pytest.raises(ValueError, match="problem c is not in"):
        verify_shard(problems, str(tmp_path / "s.parquet"), str(tmp_path / "v.parquet"), "gsm8k", Settings())
    assert not (tmp_path / "v.parquet").exists()


def test_a_tally_sums_outcomes_and_tokens_over_shards(tmp_path, problems, shard):
    samples, verdicts = str(tmp_path / "1.parquet"), str(tmp_path / "1v.parquet")
    write_samples(samples, 3, {"a": ["#### 1"] * 3, "b": ["?"] * 3}, index=1)
    verify_shard(problems, samples, verdicts, "gsm8k", Settings())
    table = tally([shard[0], samples], [shard[1], verdicts]).set_index("problem_id")
    assert list(table.index) == ["a", "b"]
    assert table.loc["a", ["samples", "correct", "wrong", "no_answer"]].tolist() == [6, 4, 1, 1]
    assert table.loc["b", ["samples", "correct", "wrong", "no_answer"]].tolist() == [6, 2, 1, 3]
    assert table["prompt_tokens"].tolist() == [4, 4]
    assert table["generated_tokens"].tolist() == [60, 60]


def test_the_tokens_of_a_problem_are_unknown_if_those_of_any_sample_are(tmp_path, problems):
    samples, verdicts = str(tmp_path / "s.parquet"), str(tmp_path / "v.parquet")
    write_samples(samples, 0, {"a": ["1", "2"], "b": ["1"]}, tokens=(10, None))
    verify_shard(problems, samples, verdicts, "gsm8k", Settings())
    table = tally([samples], [verdicts]).set_index("problem_id")
    assert table["generated_tokens"].isna().to_dict() == {"a": True, "b": False}


def test_verdicts_on_other_samples_are_rejected(tmp_path, shard):
    provenance = read_provenance(shard[1])
    write_parquet(tmp_path / "v.parquet", VERDICTS, list(read_rows(shard[1]))[:-1], provenance)
    with pytest.raises(ValueError, match="does not belong to"):
        tally([shard[0]], [str(tmp_path / "v.parquet")])


@pytest.mark.parametrize("other", [{"model": "n"}, {"task": "u"}, {"index": 1}, {"settings": "warmer"}])
def test_verdicts_on_samples_of_another_shard_or_setting_are_rejected(tmp_path, problems, shard, other):
    samples, verdicts = str(tmp_path / "1.parquet"), str(tmp_path / "1v.parquet")
    write_samples(samples, 0, {"b": ["#### 2", "#### 1", "#### 2"], "a": ["#### 2", "#### 1", "?"]}, **other)
    verify_shard(problems, samples, verdicts, "gsm8k", Settings())
    (key,) = other
    with pytest.raises(ValueError, match=rf"1v.parquet was made from other samples than .* \(another {key}\)"):
        tally([shard[0]], [verdicts])


@pytest.mark.parametrize(
    ("other", "verifier", "message"),
    [
        ({}, "gsm8k", "are both shard 0"),
        ({"index": 1, "model": "n"}, "gsm8k", "differ in model: n and m"),
        ({"index": 1}, "minerva", "differ in verifier"),
    ],
)
def test_shards_that_do_not_belong_in_one_tally_are_rejected(tmp_path, problems, shard, other, verifier, message):
    samples, verdicts = str(tmp_path / "1.parquet"), str(tmp_path / "1v.parquet")
    write_samples(samples, 3, {"a": ["#### 1"], "b": ["?"]}, **other)
    verify_shard(problems, samples, verdicts, verifier, Settings())
    with pytest.raises(ValueError, match=message):
        tally([shard[0], samples], [shard[1], verdicts])
