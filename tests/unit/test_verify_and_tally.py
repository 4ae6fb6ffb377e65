import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monkeys.analysis.tally import tally
from monkeys.storage import SAMPLES, VERDICTS, read_provenance, read_rows, write_parquet
from monkeys.verification import Verdict, gsm8k
from monkeys.verification.shard import verify_shard


def write_samples(path, first, texts):
    """One sample per text and problem; problem ids are the keys."""
    rows = [
        {
            "problem_id": problem,
            "sample": first + i,
            "text": text,
            "prompt_tokens": 4,
            "tokens": 10,
            "finish_reason": "stop",
        }
        for problem, answers in texts.items()
        for i, text in enumerate(answers)
    ]
    write_parquet(path, SAMPLES, ({"logprob": None, **row} for row in rows), {"task": "t", "model": "m", "index": 0})


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
    verify_shard(problems, samples, verdicts, "gsm8k", {})
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
    assert (provenance["verifier"], provenance["verifier_version"]) == ("gsm8k", 1)
    assert provenance["samples"]["model"] == "m"


def test_each_distinct_text_of_a_problem_is_judged_once(tmp_path, problems, monkeypatch):
    judged = []
    original = gsm8k.Verifier.verify
    monkeypatch.setattr(gsm8k.Verifier, "verify", lambda self, *args: judged.append(args) or original(self, *args))
    write_samples(tmp_path / "s.parquet", 0, {"a": ["#### 1"] * 50 + ["#### 2"] * 50, "b": ["#### 1"] * 50})
    verify_shard(problems, str(tmp_path / "s.parquet"), str(tmp_path / "v.parquet"), "gsm8k", {})
    assert sorted(judged) == [("#### 1", "#### 1"), ("#### 1", "#### 2"), ("#### 2", "#### 1")]


def test_a_failure_of_the_verifier_is_tried_again_and_never_counted_as_wrong(tmp_path, problems, monkeypatch):
    calls = []

    def flaky(self, reference, text):
        calls.append(text)
        return Verdict("verifier_error") if text == "broken" or calls.count(text) == 1 else Verdict("correct")

    monkeypatch.setattr(gsm8k.Verifier, "verify", flaky)
    samples, verdicts = str(tmp_path / "s.parquet"), str(tmp_path / "v.parquet")
    write_samples(samples, 0, {"a": ["flaky", "broken", "broken"]})
    verify_shard(problems, samples, verdicts, "gsm8k", {})
    assert [row["outcome"] for row in read_rows(verdicts)] == ["correct", "verifier_error", "verifier_error"]
    row = tally([samples], [verdicts]).iloc[0]
    assert (row["samples"], row["correct"], row["wrong"], row["verifier_error"]) == (1, 1, 0, 2)


def test_samples_of_other_problems_are_an_error(tmp_path, problems):
    write_samples(tmp_path / "s.parquet", 0, {"c": ["#### 1"]})
    with pytest.raises(ValueError, match="problem c is not in"):
        verify_shard(problems, str(tmp_path / "s.parquet"), str(tmp_path / "v.parquet"), "gsm8k", {})
    assert not (tmp_path / "v.parquet").exists()


def test_a_tally_counts_outcomes_and_tokens_over_shards(tmp_path, problems, shard):
    samples, verdicts = str(tmp_path / "1.parquet"), str(tmp_path / "1v.parquet")
    write_samples(samples, 3, {"a": ["#### 1"] * 3, "b": ["?"] * 3})
    verify_shard(problems, samples, verdicts, "gsm8k", {})
    table = tally([shard[0], samples], [shard[1], verdicts]).set_index("problem_id")
    assert list(table.index) == ["a", "b"]
    assert table.loc["a", ["samples", "correct", "wrong", "no_answer"]].tolist() == [6, 4, 1, 1]
    assert table.loc["b", ["samples", "correct", "wrong", "no_answer"]].tolist() == [6, 2, 1, 3]
    assert table["prompt_tokens"].tolist() == [4, 4]
    assert table["generated_tokens"].tolist() == [60, 60]


def test_verdicts_of_other_samples_are_refused(tmp_path, shard):
    write_parquet(tmp_path / "v.parquet", VERDICTS, list(read_rows(shard[1]))[:-1], {})
    with pytest.raises(ValueError, match="does not belong to"):
        tally([shard[0]], [str(tmp_path / "v.parquet")])
