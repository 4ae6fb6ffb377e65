import pandas as pd
import pytest

from monkeys.analysis.outcomes import read_outcomes


def counts(table):
    return table.set_index("problem_id")[["samples", "correct"]].to_numpy().tolist()


def test_counts_become_a_tally(tmp_path):
    path = tmp_path / "counts.csv"
    pd.DataFrame({"problem_id": ["07", "8"], "samples": [10, 10], "correct": [0, 10]}).to_csv(path, index=False)
    table = read_outcomes(str(path))
    assert table["problem_id"].tolist() == ["07", "8"]
    assert counts(table) == [[10, 0], [10, 10]]
    assert table["generated_tokens"].isna().all()


@pytest.mark.parametrize(
    "values", [[0, 1, 1, 0, 0], [False, True, True, False, False], ["0", "1.0", "TRUE", "false", "0"]]
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_attempts_become_a_tally_even_if_their_number_differs_by_problem(tmp_path, values, ending):
    path = tmp_path / f"attempts.{ending}"
    table = pd.DataFrame({"problem_id": list("aaabb"), "attempt": [1, 2, 3, 1, 2], "correct": values})
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    assert counts(read_outcomes(str(path))) == [[3, 2], [2, 0]]


def test_columns_and_rows_of_a_foreign_file_can_be_selected(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text("bench,model,idx,n,c\nMATH,a,1,10,3\nMATH,b,1,10,4\nGSM8K,a,1,10,5\nMATH,a,2,10,6\n")
    columns = {"problem_id": "idx", "samples": "n", "correct": "c"}
    table = read_outcomes(str(path), columns, {"bench": "MATH", "model": "a"})
    assert counts(table) == [[10, 3], [10, 6]]
    with pytest.raises(ValueError, match=r"no rows where \{'model': 'c'\}"):
        read_outcomes(str(path), columns, {"model": "c"})
    with pytest.raises(ValueError, match="no column index; it has bench, model, idx, n, c"):
        read_outcomes(str(path), {"problem_id": "index"})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "problem_id,samples\na,1",
            r"no column correct; it has problem_id, samples, but needs .*\(a row per attempt\)",
        ),
        ("problem_id,attempt\na,1", "no column correct"),
        ("problem_id,samples,correct\na,1,1\nb,1,2", "more correct than samples in row 2"),
        ("problem_id,samples,correct\na,1,1\nb,2,1\na,1,1", "duplicate problem_id in row 3"),
        ("problem_id,samples,correct\na,1,x\nb,1,-1\nc,1,0.5", "correct is not a count in row 1, 2, 3"),
        ("problem_id,samples,correct\na,0,0", "no samples in row 1"),
        ("problem_id,samples,correct\na,1,0\n,1,0", "no problem_id in row 2"),
        ("problem_id,attempt,correct\na,1,1\na,2,2\na,3,", "correct is neither 0 nor 1 in row 2, 3"),
        ("problem_id,attempt,correct\na,1,1\na,2,0\na,1,0", "duplicate attempt in row 3"),
        ("problem_id,samples,correct\n", "no rows"),
    ],
)
def test_inconsistent_outcomes_are_rejected_with_their_row_numbers(tmp_path, rows, message):
    path = tmp_path / "outcomes.csv"
    path.write_text(rows)
    with pytest.raises(ValueError, match=message):
        read_outcomes(str(path))


def test_errors_number_rows_as_in_the_file_even_after_filtering(tmp_path):
    path = tmp_path / "outcomes.csv"
    path.write_text("m,problem_id,samples,correct\nx,a,1,1\ny,a,1,1\nx,b,1,2\n")
    with pytest.raises(ValueError, match="more correct than samples in row 3"):
        read_outcomes(str(path), where={"m": "x"})


def test_the_papers_published_counts_can_be_read_unchanged(shared_data):
    path = str(shared_data / "outcomes/brown2024_counts.csv")
    columns = {"problem_id": "orig_dset_idx", "samples": "num_samples", "correct": "num_correct"}
    table = read_outcomes(path, columns, {"benchmark": "MATH", "model": "Pythia-12B"})
    assert len(table) == 128
    assert table["correct"].sum() == 29_685
    assert (table["samples"] == 10_000).all()
