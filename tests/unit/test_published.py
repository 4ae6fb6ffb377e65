import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monkeys.analysis.agreement import agreement, read_reverified
from monkeys.sampling.imported import import_shard
from monkeys.sampling.published import fetch, read_records, read_release
from monkeys.sampling.shard import Shard
from monkeys.storage import VERDICTS, read_provenance, read_rows, write_parquet


def record(problem, count=6, **changes):
    return {
        "question": f"question {problem}",
        "prompt": f"Q: {problem}\nA:",
        "samples": [f"text {problem} {n}" for n in range(count)],
        "is_corrects": [n % 3 == 0 for n in range(count)],
        "gt_answer": "1",
        "orig_dset_split": "test",
        "orig_dset_idx": problem,
        **changes,
    }


def shard(index, size=2):
    return Shard("s", 0, "t", "m", index, size, {"published": {}})


@pytest.fixture
def imported(tmp_path):
    """Function that imports a shard of records and returns its samples and verdicts."""

    def run(records, index=0, problems=None):
        path = tmp_path / "published.json"
        path.write_text(json.dumps(records))
        outputs = str(tmp_path / "samples.parquet"), str(tmp_path / "verdicts.parquet")
        import_shard(read_release([str(path)]), shard(index), problems, *outputs)
        return tuple(list(read_rows(output)) for output in outputs)

    return run


@pytest.mark.parametrize("form", ["array", "lines", "parquet"])
def test_records_are_read_one_by_one_from_every_form_of_file(tmp_path, form):
    records = [record(problem) for problem in (7, 3)]
    path = tmp_path / "file"
    if form == "array":
        path.write_text(json.dumps(records, indent=1))
    elif form == "lines":
        path.write_text("\n".join(map(json.dumps, records)) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist(records), path)
    assert list(read_records(str(path))) == records


def test_a_shard_of_published_samples_has_its_range_of_every_problem(imported):
    samples, verdicts = imported([record(7), record(3)], index=1)
    assert [(row["problem_id"], row["sample"], row["text"]) for row in samples] == [
        ("7", 2, "text 7 2"),
        ("7", 3, "text 7 3"),
        ("3", 2, "text 3 2"),
        ("3", 3, "text 3 3"),
    ]
    assert [row["outcome"] for row in verdicts] == ["wrong", "correct", "wrong", "correct"]
    assert {row["tokens"] for row in samples} == {row["finish_reason"] for row in samples} == {None}


def test_only_listed_problems_are_imported(imported):
    samples, _ = imported([record(7), record(3)], problems=["3"])
    assert {row["problem_id"] for row in samples} == {"3"}
    with pytest.raises(ValueError, match="no samples of problem 4"):
        imported([record(7), record(3)], problems=["3", "4"])


def test_a_theorem_is_identified_by_its_name(imported):
    samples, _ = imported([record(None, theorem_name="mathd_algebra_1")])
    assert {row["problem_id"] for row in samples} == {"mathd_algebra_1"}


def test_a_sample_without_a_verdict_is_not_counted_as_wrong(imported):
    _, verdicts = imported([record(7, is_corrects=[True, None, False, False, False, False])])
    assert [row["outcome"] for row in verdicts] == ["correct", "verifier_error"]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([record(7), record(7)], r"record 2: problem 7 appears again"),
        ([record(7, count=1)], r"record 1: problem 7 has 1 published samples, the study asks for 2 or more"),
        ([record(7, is_corrects=[True])], r"record 1: 6 samples, but 1 verdicts"),
        ([record(7, is_corrects=[0.5] * 6)], r"record 1: is_corrects holds .*0\.5.*, which is neither true nor false"),
        (
            [{"question": "q", "is_corrects": []}],
            r"record 1: no samples, orig_dset_idx or theorem_name; it has question",
        ),
        ([], "no samples of any problem"),
    ],
)
def test_invalid_records_are_rejected_with_their_number(imported, tmp_path, records, message):
    with pytest.raises(ValueError, match=message):
        imported(records)
    assert not (tmp_path / "samples.parquet").exists()


def test_a_folder_in_hub_layout_is_found_by_configuration_and_split(tmp_path):
    (tmp_path / "MATH_A.json").write_text(json.dumps([record(1)]))
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: MATH_A\n  data_files:\n  - split: test\n    path: MATH_A.json\n---\n"
    )
    (path,) = fetch(str(tmp_path), None, "MATH_A", "test")
    assert next(read_records(path))["orig_dset_idx"] == 1
    with pytest.raises(ValueError, match="MATH_B"):
        fetch(str(tmp_path), None, "MATH_B", "test")
    with pytest.raises(ValueError, match="has no split train; it has test"):
        fetch(str(tmp_path), None, "MATH_A", "train")


def write_verdicts(path, outcomes):
    rows = [{"problem_id": "p", "sample": n, "outcome": outcome} for n, outcome in enumerate(outcomes)]
    provenance = {"task": "t", "model": "m", "verifier": "gsm8k"}
    write_parquet(path, VERDICTS, [{"answer": str(row["sample"]), **row} for row in rows], provenance)
    return str(path)


def test_agreement_counts_which_verifier_calls_a_sample_correct(tmp_path):
    ours = write_verdicts(tmp_path / "o", ["correct", "correct", "wrong", "no_answer", "verifier_error", "wrong"])
    theirs = write_verdicts(tmp_path / "t", ["correct", "wrong", "correct", "wrong", "correct", "wrong"])
    table = agreement(read_reverified([ours, ours], [theirs, theirs]), {"t": {"p": "7"}})
    assert table.to_dict("records") == [
        {
            "task": "t",
            "model": "m",
            "first": "gsm8k",
            "second": "published",
            "samples": 10,
            "both_correct": 2,
            "first_only": 2,
            "second_only": 2,
            "neither": 4,
            "agreement": 0.6,
            "examples": "`1` for `7` (problem p, 2 ×) is correct for gsm8k alone; "
            "`2` for `7` (problem p, 2 ×) is correct for published alone",
        }
    ]
    with pytest.raises(ValueError, match="belong to different samples"):
        agreement(read_reverified([ours], [write_verdicts(tmp_path / "other", ["correct"])]), {})


def test_imported_samples_record_their_provenance(imported, tmp_path):
    imported([record(7)])
    provenance = read_provenance(tmp_path / "samples.parquet")
    assert (provenance["model"], provenance["samples"], provenance["generated_tokens"]) == ("m", 2, None)


PEAK = """
import json, resource, sys
sys.path.insert(0, sys.argv[1])
from monkeys.sampling.imported import import_shard
from monkeys.sampling.published import read_release
from monkeys.sampling.shard import Shard
import_shard(read_release([sys.argv[2]]), Shard("s", 0, "t", "m", 0, 5, {}), None, *sys.argv[3:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_depend_on_the_size_of_the_file(root, tmp_path):
    peaks = {}
    for problems in (10, 200):
        path = tmp_path / f"{problems}.json"
        with open(path, "w") as file:
            for number in range(problems):
                file.write("[" if number == 0 else ",\n")
                json.dump(record(number, samples=[f"{number} " + "x" * 1000] * 500, is_corrects=[True] * 500), file)
            file.write("]")
        command = [sys.executable, "-c", PEAK, str(root / "workflow/scripts"), str(path)]
        peaks[path.stat().st_size / 1e6] = (
            int(subprocess.check_output([*command, tmp_path / "s", tmp_path / "v"])) / 1024
        )
    small, large = peaks
    assert large > 90 + small  # MB
    assert peaks[large] < peaks[small] + 30
