import json

import pytest
import yaml

from monkeys import verification
from monkeys.hub import HubUnreachable, NotAvailable
from monkeys.sampling.published import fetch
from monkeys.storage import read_provenance
from monkeys.study import Study
from monkeys.tasks.draws import choose, draw
from monkeys.tasks.problems import build_problems, build_prompts, digest_of, naming_task, write_problems
from monkeys.tasks.rows import Dataset, TaskData

ROWS = [{"key": f"k{i}", "q": f"What is {i} + {i}?", "a": f"{2 * i}", "seconds": i} for i in range(20)]
EXAMPLES = [{"key": f"e{i}", "q": f"What is {i}?", "a": f"{i}"} for i in range(8)]
TASK = {
    "dataset": "organisation/sums",
    "columns": {"id": "key", "reference": "a"},
    "prompt": "Q: {{ q }}\nA:",
    "question": "{{ q }}",
}
FEW_SHOT = "{% for example in examples %}{{ example.q }} {{ example.a }}\n{% endfor %}{{ q }}"


def read(which, columns):
    return iter(ROWS if which == "problems" else EXAMPLES)


def complete(task):
    """A task's config with all defaults."""
    model = {"published": {"dataset": "o/d", "revision": "main", "subsets": {"t": "s"}}, "tasks": ["t"]}
    config = {"study": "s", "tasks": {"t": {"samples": 1, "shard_size": 1, **task}}, "models": {"m": model}}
    return Study.load(config).tasks["t"]


def prompts(rows=ROWS, **changes):
    return build_prompts(complete({**TASK, **changes}), lambda *_: iter(rows))


def problems(rows=ROWS, **changes):
    return build_problems(prompts(rows, **changes), complete({**TASK, **changes}), lambda *_: iter(rows))


def test_a_problem_has_its_prompt_question_reference_and_source_index():
    assert problems()[3] == {
        "problem_id": "k3",
        "source_index": 3,
        "prompt": "Q: What is 3 + 3?\nA:",
        "question": "What is 3 + 3?",
        "reference": "6",
    }


def test_without_an_id_column_rows_are_numbered():
    columns = {"id": None, "reference": "a"}
    assert [p["problem_id"] for p in problems(columns=columns)] == [str(i) for i in range(20)]


def test_the_question_defaults_to_the_prompt():
    problem = problems(question=None)[0]
    assert problem["question"] == problem["prompt"]


def test_a_trailing_line_break_of_a_template_is_kept():
    assert prompts(prompt="{{ q }}\n")[0]["prompt"].endswith("?\n")


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        *(("cpu_seconds", value) for value in ("5", float("nan"), float("inf"), 1e9, -1, True, [5])),
        *(("memory_mb", value) for value in (10**6, -5, 1, float("nan"), "256")),
    ],
)
def test_an_invalid_limit_in_a_dataset_is_an_error_that_names_its_place(limit, value):
    rows = [{**row, "seconds": value} for row in ROWS]
    columns = {"id": "key", "reference": "a", limit: "seconds"}
    with pytest.raises(
        ValueError, match=rf"problem k0, column seconds: .* is not a valid {limit}; it must be a number from"
    ):
        problems(rows, columns=columns)


def test_a_problem_may_set_or_omit_a_memory_limit():
    columns = {"id": "key", "reference": "a", "memory_mb": "seconds"}
    for value, kept in ((256.0, 256), (1024, 1024), (0, None), (None, None)):
        rows = [{**row, "seconds": value} for row in ROWS]
        assert problems(rows, columns=columns)[0]["memory_mb"] == kept


def test_a_problem_may_have_its_own_limits():
    columns = {"id": "key", "reference": "a", "cpu_seconds": "seconds"}
    limited = problems(columns=columns)
    assert limited[7]["cpu_seconds"] == 7
    assert "cpu_seconds" not in problems()[7]
    assert digest_of(limited, "reference", "cpu_seconds") != digest_of(problems(), "reference", "cpu_seconds")


def test_a_number_of_problems_selects_a_reproducible_random_subset():
    def ids(**changes):
        return [row["problem_id"] for row in prompts(**changes)]

    five = ids(problems=5)
    assert five == ids(problems=5)
    assert five != ids(problems=5, problem_seed=1)
    assert set(five) < set(ids(problems=9))


def test_the_choice_of_problems_does_not_depend_on_the_examples():
    few = [row["problem_id"] for row in prompts(problems=5)]
    task = complete({**TASK, "problems": 5, "few_shot": 3, "prompt": FEW_SHOT})
    assert [row["problem_id"] for row in build_prompts(task, read)] == few


def test_every_problem_has_its_own_examples_in_the_order_drawn():
    shown = [row["prompt"] for row in build_prompts(complete({**TASK, "few_shot": 2, "prompt": FEW_SHOT}), read)]
    assert all(prompt.count("\n") == 2 for prompt in shown)
    assert len({prompt.rsplit("\n", 1)[0] for prompt in shown}) > 5
    first = [EXAMPLES[position] for position in draw(20, 8, 2, 0, (64, 10_000))[1][0]]
    assert shown[0] == "".join(f"{e['q']} {e['a']}\n" for e in first) + "What is 0 + 0?"


def test_examples_may_be_fixed_by_their_ids():
    fixed = complete({**TASK, "few_shot": 2, "prompt": FEW_SHOT, "examples": {"ids": ["e5", "e1", "e0"]}})
    assert all(row["prompt"].startswith("What is 5? 5\nWhat is 1? 1\nWhat is ") for row in build_prompts(fixed, read))
    with pytest.raises(ValueError, match=r"examples\.ids: not in the dataset: e9"):
        build_prompts(complete({**TASK, "few_shot": 2, "prompt": FEW_SHOT, "examples": {"ids": ["e9"]}}), read)


@pytest.mark.parametrize("examples", [{}, {"ids": ["e1"]}])
def test_requesting_more_examples_than_exist_is_an_error(examples):
    task = complete({**TASK, "few_shot": 9, "prompt": FEW_SHOT, "examples": examples})
    with pytest.raises(ValueError, match=r"few_shot: 9 examples requested, but there are only [18]"):
        build_prompts(task, read)


def test_listed_problems_are_taken_in_dataset_order():
    assert choose(["a", "b", "c"], ["c", "a"], []) == [0, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"columns": {"id": "key", "reference": "answer"}},
            r"^columns\.reference: no column answer; the dataset has key, q, a",
        ),
        ({"columns": {"id": "name"}, "reference": "4"}, r"^columns\.id: no column name; the dataset has key, q, a"),
        ({"question": "{{ qq }}"}, "^question: 'qq' is undefined; the dataset has the columns key, q, a, seconds$"),
        ({"prompt": "{{ q.x.y }}"}, "^prompt: 'str object' has no attribute 'x'"),
        ({"prompt": "{{ q + 1 }}"}, "^prompt: problem k0: can only concatenate str"),
        (
            {"prompt": "{{ none }}"},
            r"^prompt: problem k0: a value in the template is missing; .* \{\{ column or '' \}\}",
        ),
        (
            {"rows": [{**ROWS[0], "a": None}], "verifier": "gsm8k"},
            "^columns.reference: problem k0 has no value in column a",
        ),
        (
            {"prompt": "{{ question }}"},
            "^prompt: 'question' is undefined; the dataset has the columns key, q, a, seconds$",
        ),
        ({"problems": ["k1", "k99"]}, "not in the dataset: k99; its ids look like 'k0'"),
        ({"problems": 21}, "21 requested, but the dataset has only 20"),
        ({"rows": []}, "^dataset: split test has no problems"),
        ({"rows": [*ROWS, ROWS[1]]}, r"columns\.id: ids are not unique: k1"),
    ],
)
def test_errors_name_what_the_dataset_lacks(changes, message):
    with pytest.raises(ValueError, match=message):
        problems(**changes)


def test_a_reference_may_combine_several_columns():
    columns = {"id": "key", "reference": None}
    assert problems(columns=columns, reference="{{ q }} {{ a }}")[0]["reference"] == "What is 0 + 0? 0"
    parts = {"before": "# {{ q }}\n", "after": "assert f() == {{ a }}"}
    first = problems(columns=columns, reference=parts, verifier="functions")[0]
    assert first["reference"] == {"before": "# What is 0 + 0?\n", "after": "assert f() == 0"}


def test_a_reference_that_cannot_be_verified_is_an_error_before_any_sampling():
    with pytest.raises(ValueError, match=r"problem k0 cannot be verified by gsm8k: .*####"):
        problems([{**ROWS[0], "a": "none"}], verifier="gsm8k")


@pytest.mark.parametrize(("verifier", "gold"), [("gsm8k", "4"), ("minerva", "4")])
@pytest.mark.parametrize("answer", [4, "4", "#### 4"])
def test_plain_numbers_are_answers(verifier, gold, answer):
    if (verifier, answer) == ("minerva", "#### 4"):
        answer = r"\boxed{4}"
    (problem,) = problems([{**ROWS[0], "a": answer}], verifier=verifier)
    assert verification.load(verifier).gold(problem) == gold


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("columns.id: ids are not unique"), r"tasks\.sums\.columns\.id: ids are not unique"),
        (ValueError("problem a cannot be"), r"tasks\.sums: problem a cannot be"),
        (HubUnreachable("o/d is not in the cache"), r"tasks\.sums: o/d is not in the cache"),
    ],
)
def test_mistakes_name_their_task(error, message):
    with pytest.raises((ValueError, NotAvailable), match=message), naming_task("sums"):
        raise error


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "it has no rows"), ('{"q": "1"}\n{"q": "2}\n', "JSON parse error"), ('{"q": "1"}\n\x00', "JSON parse error")],
)
def test_an_empty_or_invalid_json_file_is_named(tmp_path, text, message):
    (tmp_path / "test.jsonl").write_text(text)
    with pytest.raises(ValueError, match=rf"dataset {tmp_path}, split test: .*{message}"):
        list(Dataset(str(tmp_path), None, None, "test").rows())


def test_an_error_about_a_missing_split_names_the_file_it_expects(tmp_path):
    (tmp_path / "data.jsonl").write_text('{"q": "1"}\n')
    with pytest.raises(ValueError, match=r"Bad split: test.*\['train'\]; a file test.jsonl would be this split"):
        list(Dataset(str(tmp_path), None, None, "test").rows())


def test_prompts_and_references_have_separate_digests():
    other_reference = [{**problem, "reference": "?"} for problem in problems()]
    assert digest_of(other_reference, "prompt") == digest_of(problems(), "prompt")
    assert digest_of(other_reference, "reference") != digest_of(problems(), "reference")


@pytest.fixture
def sums(tmp_path):
    """A dataset in hub layout: two configurations, and a split of examples."""
    for subset in ("small", "large"):
        (tmp_path / subset).mkdir()
        for split, rows in (("test", ROWS[:3]), ("train", EXAMPLES)):
            lines = "".join(json.dumps(row | {"subset": subset}) + "\n" for row in rows)
            (tmp_path / subset / f"{split}.jsonl").write_text(lines)
    entry = [{"split": split, "path": f"SUBSET/{split}.jsonl"} for split in ("test", "train")]
    configs = [
        {"config_name": s, "data_files": json.loads(json.dumps(entry).replace("SUBSET", s))} for s in ("small", "large")
    ]
    (tmp_path / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    return str(tmp_path)


def test_a_folder_in_hub_layout_is_read_row_by_row(sums):
    assert list(Dataset(sums, None, "small", "test").rows()) == [row | {"subset": "small"} for row in ROWS[:3]]


def test_several_configurations_of_a_dataset_are_concatenated(sums):
    rows = list(Dataset(sums, None, ["large", "small"], "test").rows(["subset", "key"]))
    assert [row["subset"] for row in rows] == ["large"] * 3 + ["small"] * 3
    assert rows[0] == {"subset": "large", "key": "k0"}


def test_an_error_about_an_unexpected_dataset_names_what_it_has(sums):
    with pytest.raises(
        ValueError, match=r"no column question; it has key, q, a, seconds, subset; required are question, a"
    ):
        list(Dataset(sums, None, "small", "test").rows(["question", "a"]))
    with pytest.raises(ValueError, match=r"tiny, split test: .*small.*large"):
        list(Dataset(sums, None, "tiny", "test").rows())
    with pytest.raises(ValueError, match=r"small, split dev: .*test.*train"):
        list(Dataset(sums, None, "small", "dev").rows())


@pytest.mark.parametrize("card", ["README.md", ".huggingface.yaml"])
@pytest.mark.parametrize("form", ["{!r}", "[{!r}]", "[{{split: test, path: {!r}}}]", "[{{split: test, path: [{!r}]}}]"])
@pytest.mark.parametrize(
    "path", ["SECRET", "../secret.jsonl", "a/../../secret.jsonl", "file://SECRET", "https://127.0.0.1:9/secret.jsonl"]
)
def test_a_dataset_card_may_not_name_files_outside_its_folder(tmp_path, card, form, path):
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"password": "hunter2"}\n')
    (folder := tmp_path / "dataset/a").mkdir(parents=True)
    path = path.replace("SECRET", str(secret))
    entry = f"configs: [{{config_name: default, data_files: {form.format(path)}}}]"
    (folder.parent / card).write_text(f"---\n{entry}\n---\n" if card == "README.md" else entry)
    (folder / "test.jsonl").write_text('{"q": "1"}\n')
    with pytest.raises(ValueError, match=f"its {card} names .*secret.jsonl, which is not a file in its folder"):
        list(Dataset(str(folder.parent), None, None, "test").rows())
    with pytest.raises(ValueError, match=f"its {card} names .*secret.jsonl, which is not a file in its folder"):
        fetch(str(folder.parent), None, None, "test")


def test_a_file_named_in_a_row_is_not_opened(tmp_path):
    (tmp_path / "test.jsonl").write_text('{"image": "/dev/null"}\n')
    card = {"dataset_info": {"features": [{"name": "image", "dtype": "image"}]}}
    (tmp_path / "README.md").write_text(f"---\n{yaml.safe_dump(card)}---\n")
    (row,) = Dataset(str(tmp_path), None, None, "test").rows()
    assert row["image"]["path"] == "/dev/null"


def test_a_problems_file_records_the_source_of_its_rows(sums, tmp_path):
    task = complete({**TASK, "dataset": sums, "subset": "small", "few_shot": 1, "prompt": FEW_SHOT})
    data = TaskData(task, str(tmp_path))
    write_problems(tmp_path / "problems.parquet", build_prompts(task, data), data.provenance)
    source = {"dataset": sums, "revision": None, "subset": "small", "commit": None}
    expected = {"problems": {**source, "split": "test"}, "examples": {**source, "split": "train"}}
    assert read_provenance(tmp_path / "problems.parquet") == expected


@pytest.mark.parametrize(
    ("task", "first_words", "last_words"),
    [("arithmetic", "Question: ", "?\nAnswer:\n"), ("programs", "Specification: Read integers, ", ".\nProgram:\n")],
)
def test_the_demo_prompts_match_the_training_data_of_its_models(root, task, first_words, last_words):
    demo = Study.load(yaml.safe_load((root / "studies/demo.yaml").read_text())).tasks[task]
    data = TaskData(demo.model_copy(update={"dataset": str(root / demo.dataset)}), "")
    for problem in build_problems(build_prompts(demo, data), demo, data):
        assert problem["prompt"].startswith(first_words)
        assert problem["prompt"].endswith(last_words)
        assert problem["question"] in problem["prompt"]
