import json
import random

import pytest
import yaml

from monkeys.tasks.problems import build_problems, choose, digest_of, load_rows

ROWS = [{"key": f"k{i}", "q": f"What is {i} + {i}?", "a": f"{2 * i}"} for i in range(20)]
TASK = {
    "columns": {"id": "key", "reference": "a"},
    "prompt": "Q: {{ q }}\nA:",
    "question": "{{ q }}",
    "reference": None,
    "problems": "all",
    "verifier": None,
}


def test_a_problem_holds_its_prompt_question_reference_and_place():
    assert build_problems(ROWS, TASK, seed=0)[3] == {
        "problem_id": "k3",
        "source_index": 3,
        "prompt": "Q: What is 3 + 3?\nA:",
        "question": "What is 3 + 3?",
        "reference": "6",
    }


def test_without_an_id_column_rows_are_numbered():
    task = {**TASK, "columns": {"id": None, "reference": "a"}}
    assert [p["problem_id"] for p in build_problems(ROWS, task, 0)] == [str(i) for i in range(20)]


def test_without_a_question_the_prompt_is_the_question():
    problem = build_problems(ROWS, {**TASK, "question": None}, 0)[0]
    assert problem["question"] == problem["prompt"]


def test_line_ends_of_a_template_are_kept():
    assert build_problems(ROWS, {**TASK, "prompt": "{{ q }}\n"}, 0)[0]["prompt"].endswith("?\n")


def test_a_number_of_problems_is_a_random_subset_that_repeats_with_its_seed():
    ids = [row["key"] for row in ROWS]
    first = choose(ids, 5, seed=0)
    assert first == choose(ids, 5, seed=0) == sorted(random.Random(0).sample(range(20), 5))
    assert first != choose(ids, 5, seed=1)


def test_a_list_of_problems_is_taken_in_the_datasets_order():
    assert choose(["a", "b", "c"], ["c", "a"], seed=0) == [0, 2]


def test_what_the_dataset_does_not_have_is_named():
    with pytest.raises(ValueError, match="no column answer; the dataset has key, q, a"):
        build_problems(ROWS, {**TASK, "columns": {"id": "key", "reference": "answer"}}, 0)
    with pytest.raises(ValueError, match="'question' is undefined; the dataset has the columns key, q, a"):
        build_problems(ROWS, {**TASK, "prompt": "{{ question }}"}, 0)
    with pytest.raises(ValueError, match="not in the dataset: k99"):
        build_problems(ROWS, {**TASK, "problems": ["k1", "k99"]}, 0)
    with pytest.raises(ValueError, match="21 asked for, the dataset has 20"):
        build_problems(ROWS, {**TASK, "problems": 21}, 0)
    with pytest.raises(ValueError, match="no rows"):
        build_problems([], TASK, 0)


def test_a_reference_may_be_made_of_several_columns():
    columns = {"id": "key", "reference": None}
    (first, *_) = build_problems(ROWS, {**TASK, "columns": columns, "reference": "{{ q }} {{ a }}"}, 0)
    assert first["reference"] == "What is 0 + 0? 0"
    parts = {"before": "# {{ q }}\n", "after": "assert f() == {{ a }}"}
    (first, *_) = build_problems(ROWS, {**TASK, "columns": columns, "reference": parts, "verifier": "functions"}, 0)
    assert first["reference"] == {"before": "# What is 0 + 0?\n", "after": "assert f() == 0"}


def test_a_reference_that_cannot_be_verified_is_an_error_before_any_sampling():
    with pytest.raises(ValueError, match=r"problem k0 cannot be verified by gsm8k: .*####"):
        build_problems(ROWS, {**TASK, "verifier": "gsm8k"}, 0)


def test_ids_must_be_unique():
    with pytest.raises(ValueError, match=r"columns\.id: key is not unique: k1"):
        build_problems([*ROWS, ROWS[1]], TASK, 0)


def test_samplers_and_verifiers_have_digests_of_their_own():
    problems = build_problems(ROWS, TASK, 0)
    other_reference = [{**problem, "reference": "?"} for problem in problems]
    assert digest_of(other_reference, "prompt") == digest_of(problems, "prompt")
    assert digest_of(other_reference, "reference") != digest_of(problems, "reference")


def test_a_folder_in_hub_layout_is_loaded_row_by_row(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert load_rows(str(tmp_path / "data"), None, "test", None) == ROWS


def test_gsm8k_loads_from_a_copy_of_the_hub(shared_data):
    rows = load_rows(str(shared_data / "hub" / "gsm8k"), "main", "test", None)
    assert len(rows) == 1319
    assert set(rows[0]) == {"question", "answer"}


@pytest.mark.parametrize(
    ("task", "first_words", "last_words"),
    [("arithmetic", "Question: ", "?\nAnswer:\n"), ("programs", "Specification: Read integers, ", ".\nProgram:\n")],
)
def test_the_demos_prompts_are_what_its_models_were_trained_on(root, task, first_words, last_words):
    settings = yaml.safe_load((root / "studies/demo.yaml").read_text())["tasks"][task]
    rows = load_rows(str(root / settings["dataset"]), None, "test", None)
    for problem in build_problems(rows, {**TASK, **settings}, 0):
        assert problem["prompt"].startswith(first_words)
        assert problem["prompt"].endswith(last_words)
        assert problem["question"] in problem["prompt"]
