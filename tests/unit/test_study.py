import copy
import os
import subprocess
import sys

import pytest
import yaml

from monkeys.sampling.engines import arguments as engine_arguments
from monkeys.study import ConfigError, Study, reference
from monkeys.study.files import duplicate_keys

TASK = {
    "dataset": "openai/gsm8k",
    "columns": {"reference": "answer"},
    "prompt": "{{ question }}",
    "verifier": "gsm8k",
    "samples": 100,
    "shard_size": 50,
}
CONFIG = {
    "study": "s",
    "tasks": {"t": TASK},
    "models": {"m": {"weights": "organisation/model", "revision": "0123abc", "tasks": ["t"]}},
}


def message(changes):
    """Error message for a config with changed keys, given by paths such as task.samples or config.seed."""
    config = copy.deepcopy(CONFIG)
    for path, value in changes.items():
        node, *keys = path.split(".")
        place = {"task": config["tasks"]["t"], "model": config["models"]["m"], "config": config}[node]
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    with pytest.raises(ConfigError) as error:
        Study.load(config)
    return str(error.value)


def test_defaults_are_filled_in_at_every_level():
    study = Study.load(CONFIG)
    assert study.results == "results"
    assert (study.analysis.intervals, study.analysis.bootstrap_resamples) == ("problems", 1000)
    assert study.analysis.confidence == 0.95
    assert study.analysis.audit.bins == [0.1, 0.25, 0.75]
    assert study.tasks["t"].problems == "all"
    assert study.tasks["t"].sampling.model_dump() == {
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "max_tokens": 512,
        "stop": [],
        "include_stop": False,
        "logprobs": None,
        "strategy": "iid",
        "strategy_options": {},
    }
    assert study.models["m"].engine.tensor_parallel_size == 1


def test_a_study_survives_a_round_trip_through_its_settings():
    study = Study.load(CONFIG)
    assert Study.of(study.model_dump()) == study


def test_integers_and_floats_are_kept_as_written():
    """1 and 1.0 have different digests, and samples were drawn with both."""
    config = copy.deepcopy(CONFIG)
    config["tasks"]["t"]["sampling"] = {"temperature": 1}
    assert repr(Study.load(config).sampling("t", "m").temperature) == "1"


def test_an_unknown_task_of_a_model_is_an_error_that_lists_the_defined_ones():
    assert "models.m.tasks: arithmetics is not a task of this study; defined: t" in message(
        {"model.tasks": ["arithmetics"]}
    )


def test_a_study_without_tasks_or_models_is_rejected():
    assert "tasks" in message({"config.tasks": {}})
    assert "models" in message({"config.models": {}})


def test_a_model_without_a_source_is_rejected():
    assert "models.m: needs exactly one source of weights, endpoint, published, outcomes; it has none" in message(
        {"model.weights": None}
    )


def test_a_model_with_two_sources_is_rejected(tmp_path):
    (tmp_path / "counts.csv").touch()
    text = message({"model.outcomes": {"t": str(tmp_path / "counts.csv")}})
    assert (
        "models.m: needs exactly one source of weights, endpoint, published, outcomes; it has weights and outcomes"
        in text
    )


def test_samples_must_be_a_multiple_of_the_shard_size():
    text = message({"task.samples": 120})
    assert "tasks.t.samples: 120 is not a multiple of the shard size 50 (tasks.t.shard_size); the next is 150" in text


def test_a_model_may_have_its_own_number_of_samples_and_shard_size():
    config = copy.deepcopy(CONFIG)
    for name, own in {"many": {"samples": {"t": 400}, "shard_size": {"t": 200}}, "few": {"samples": {"t": 50}}}.items():
        config["models"][name] = {**config["models"]["m"], **own}
    study = Study.load(config)
    sizes = {
        name: (study.samples("t", name), study.shard_size("t", name), len(study.shards("t", name)))
        for name in study.models
    }
    assert sizes == {"m": (100, 50, 2), "many": (400, 200, 2), "few": (50, 50, 1)}


def test_a_task_needs_no_samples_or_shard_size_if_its_models_have_their_own():
    config = copy.deepcopy(CONFIG)
    config["tasks"]["t"] |= {"samples": None, "shard_size": None}
    config["models"]["m"] |= {"samples": {"t": 20}, "shard_size": {"t": 10}}
    assert Study.load(config).shards("t", "m") == range(2)
    text = message({"task.shard_size": None, "model.samples": {"t": 20}})
    assert "tasks.t: missing shard_size, which models.m needs" in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"model.samples": {"t": 120}},
            "models.m.samples.t: 120 is not a multiple of the shard size 50 (tasks.t.shard_size); the next is 150",
        ),
        (
            {"model.samples": {"t": 120}, "model.shard_size": {"t": 80}},
            "models.m.samples.t: 120 is not a multiple of the shard size 80 (models.m.shard_size.t); the next is 160",
        ),
        (
            {"model.shard_size": {"t": 80}},
            "tasks.t.samples: 100 is not a multiple of the shard size 80 (models.m.shard_size.t); the next is 160",
        ),
        ({"model.samples": {"u": 50}}, "models.m.samples.u: the model has no such task; models.m.tasks: t"),
        ({"model.shard_size": {"u": 50}}, "models.m.shard_size.u: the model has no such task; models.m.tasks: t"),
        ({"model.samples": {"t": 0}}, "models.m.samples.t: 0 is less than the minimum of 1"),
        (
            {"model.samples": {"t": 50}, "model.weights": None, "model.outcomes": {"t": __file__}},
            "models.m.samples: the model has outcomes, whose files say how many samples there are; leave it out",
        ),
    ],
)
def test_a_models_own_sample_counts_must_fit_its_tasks_and_shards(changes, expected):
    _, *mistakes = message(changes).splitlines()
    assert len(mistakes) == 1 and expected in mistakes[0]


@pytest.mark.parametrize("where", ["task", "model"])
@pytest.mark.parametrize("temperature", [0, -1])
def test_temperature_must_be_above_zero(where, temperature):
    path = {"task": "tasks.t", "model": "models.m"}[where]
    text = message({f"{where}.sampling.temperature": temperature})
    assert f"{path}.sampling.temperature: {temperature}" in text
    assert "above 0" in text


@pytest.mark.parametrize("where", ["task", "model"])
@pytest.mark.parametrize("top_p", [0, 1.01, -0.5])
def test_top_p_must_be_above_0_and_at_most_1(where, top_p):
    text = message({f"{where}.sampling.top_p": top_p})
    assert f"sampling.top_p: {top_p}" in text
    assert "(0, 1]" in text


def test_a_missing_weights_folder_is_named():
    text = message({"model.weights": "./models/none"})
    assert "models.m.weights: no model in the folder ./models/none (config.json is missing)" in text


def test_a_missing_dataset_folder_is_named():
    assert "tasks.t.dataset: no folder data/sets/none" in message({"task.dataset": "data/sets/none"})


def test_a_missing_counts_file_is_named():
    text = message({"model.weights": None, "model.outcomes": {"t": "none.csv"}})
    assert "models.m.outcomes.t: no file none.csv" in text


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("config.taks", "config: unknown key 'taks'; did you mean 'tasks'?"),
        ("task.smaples", "tasks.t: unknown key 'smaples'; did you mean 'samples'?"),
        ("task.max_tokens", "tasks.t: unknown key 'max_tokens'; it belongs under sampling"),
        ("task.sampling.temprature", "tasks.t.sampling: unknown key 'temprature'; did you mean 'temperature'?"),
        (
            "config.temperature",
            "config: unknown key 'temperature'; it belongs under tasks.*.sampling or models.*.sampling",
        ),
        ("model.prompt", "models.m: unknown key 'prompt'; it belongs under price or tasks.*"),
        ("task.shard", "tasks.t: unknown key 'shard'; it is called 'shard_size' now"),
        ("model.overlong_prompts", "unknown key 'overlong_prompts'; it is called 'on_context_overflow' now"),
        ("config.analysis.bootstrap", "unknown key 'bootstrap'; it is called 'bootstrap_resamples' now"),
        ("model.price.attempt", "unknown key 'attempt'; it is called 'sample' now"),
        ("task.seed", "tasks.t: unknown key 'seed'; it belongs under no other key"),
        ("model.engine.xyz", "models.m.engine: unknown key 'xyz'; allowed: arguments, block_size, dtype"),
    ],
)
def test_an_error_about_an_unknown_key_says_where_it_belongs_or_what_was_meant(place, expected):
    assert expected in message({place: 1})


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("model.tasks", "t", "models.m.tasks: must be a list: [t]"),
        ("config.tasks", ["t"], "tasks: must be lines of `name: value`, indented further, but is ['t']"),
        ("config.models", {"m": None}, "models.m: is empty, and must be lines of `name: value`, indented further"),
        ("task.samples", "1,000", "tasks.t.samples: must be a whole number, written as 1000, but is '1,000'"),
        ("task.samples", "1e3", "tasks.t.samples: must be a whole number, written as 1000, but is '1e3'"),
        ("task.samples", 100.0, "tasks.t.samples: must be a whole number, but is 100.0"),
        ("task.problems", 0, "tasks.t.problems: 0 is not allowed (all, a number of problems"),
        ("model.chat", "maybe", "models.m.chat: must be true or false, but is 'maybe'"),
        ("config.study", 5, "study: must be text, but is 5"),
        ("model.chat", {"sistem": "x"}, "models.m.chat: unknown key 'sistem'; did you mean 'system'?"),
        ("model.chat", {"template": "x"}, "models.m.chat.template: must be lines of `name: value`"),
        ("model.chat", {"template": {"tokenize": 1}}, "models.m.chat.template: tokenize is decided by the workflow"),
    ],
)
def test_errors_about_types_are_in_plain_language(place, value, expected):
    assert expected in message({place: value})


ENDPOINT = {"base_url": "http://h:1/v1", "model": "x"}


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("config.results", "r" * 5000, "results: is too long for the name of a folder"),
        ("config.results", "r" * 300, "results: is too long for the name of a folder"),
        ("config.results", "a\0b", r"results: contains '\x00', which the name of a results folder must not contain"),
        ("config.results", "a/{task}", "results: contains '{', which the name of a results folder must not contain"),
        ("model.weights", "w" * 300, "models.m.weights: no model in the folder www"),
        ("model.weights", "a\0b", "models.m.weights: no model in the folder"),
        ("task.dataset", "d/" * 3000, "tasks.t.dataset: no folder d/d/"),
        ("task.examples", {"file": "f" * 300}, "tasks.t.examples.file: no file fff"),
        ("config.models", {1: {}}, "models.1: the name must be text, not 1; put it in quotes"),
        ("config.tasks", {True: TASK}, "tasks.True: the name must be text, not True"),
        ("config.tasks", {"a" * 101: TASK}, "the name has 101 characters; at most 100"),
        ("config.tasks", {"a" * 30: TASK}, "the name repeats 'a' so often that Snakemake takes it for a mistake"),
        ("config.tasks", {"t\n": TASK}, "names use letters, digits"),
        ("config.tasks", {"t": TASK, "T": TASK}, "tasks.T: differs from t only in case"),
        ("config.analysis", {"bootstrap_resamples": 0}, "100 (Studies simulated for intervals over problems"),
        ("config.analysis", {"confidence": float("nan")}, "analysis.confidence: nan is not a finite number"),
        ("task.limits", {"cpu_seconds": float("inf")}, "tasks.t.limits.cpu_seconds: inf is not a finite number"),
        ("task.limits", {"cpu_seconds": 1e6}, "limits.cpu_seconds: 1000000.0 is greater than the maximum of 3600"),
        ("task.samples", 10**40, "tasks.t.samples: 1e+40 is too large for any setting"),
        ("task.samples", 10**400, "tasks.t.samples: it is too large for any setting"),
        ("config.seed", -1, "seed: -1 is less than the minimum of 0"),
        ("model.endpoint", {**ENDPOINT, "base_url": "http://[::1"}, "base_url: 'http://[::1' is not a URL"),
        ("model.endpoint", {**ENDPOINT, "base_url": "http://"}, "base_url: 'http://' is not a URL"),
        ("model.endpoint", {**ENDPOINT, "base_url": "http://h:1x/v1"}, "base_url: 'http://h:1x/v1' is not a URL"),
        ("model.endpoint", {**ENDPOINT, "base_url": "http://a b/v1"}, "base_url: 'http://a b/v1' is not a URL"),
        ("model.endpoint", {**ENDPOINT, "parameters": {"x": float("nan")}}, "parameters.x: nan is not a finite number"),
    ],
)
def test_impossible_values_are_errors_that_name_the_key(place, value, expected):
    if place == "model.endpoint":
        text = message({"model.weights": None, "model.endpoint": value})
    else:
        text = message({place: value})
    assert expected in text


def test_keys_of_extra_endpoint_parameters_may_be_numbers():
    Study.load(endpoint(parameters={"logit_bias": {50256: -100}}))


def test_too_many_shards_are_an_error_that_names_the_key_to_change():
    assert (
        "tasks.t.shard_size: 10 of 1,000,000 samples makes 100,000 shards of m, 100,000 in the study, and Snakemake "
        "can plan about 50,000; raise it"
    ) in message({"task.samples": 1_000_000, "task.shard_size": 10})
    config = copy.deepcopy(CONFIG)
    config["tasks"]["t"] |= {"samples": 1_000_000, "shard_size": 20}
    Study.load(config)


def warnings_of(**task):
    config = copy.deepcopy(CONFIG)
    config["tasks"]["t"] |= task
    return list(Study.load(config).doubts())


@pytest.mark.parametrize(
    ("prompt", "is_warned"),
    [
        (r"Q: {{ question }}\nA:", True),
        (r"{{ question }}\nanswer:", True),
        ("{{ question }}\n", False),
        (r"{{ [question] | join('\n') }}", False),
        (r"$\nabla \neq \nu$ {{ question }}", False),
    ],
)
def test_a_literal_backslash_n_in_a_prompt_is_a_warning(prompt, is_warned):
    expected = [
        r"tasks.t.prompt: contains a backslash and an n, not a line break; in YAML \n is one only between double quotes"
    ]
    assert warnings_of(prompt=prompt) == (expected if is_warned else [])
    assert len(warnings_of(sampling={"stop": [prompt]})) == is_warned


def test_stop_strings_that_end_the_thinking_are_a_warning():
    config = copy.deepcopy(CONFIG)
    config["models"]["m"]["thinking"] = True
    assert list(Study.load(config).doubts()) == []
    config["tasks"]["t"]["sampling"] = {"stop": ["Q:"]}
    (warning,) = Study.load(config).doubts()
    assert warning == "models.m.thinking: the stop strings of t (sampling.stop) also end the thinking"


def test_an_unused_task_is_a_warning():
    config = copy.deepcopy(CONFIG)
    config["tasks"]["u"] = TASK
    (warning,) = Study.load(config).doubts()
    assert warning == "tasks.u: no model has this task, so it is not used"


@pytest.mark.parametrize(("change", "is_warned"), [({}, True), ({"sampling": {"temperature": 0.5}}, False)])
def test_models_that_sample_the_same_weights_identically_are_a_warning(change, is_warned):
    config = copy.deepcopy(CONFIG)
    config["models"]["n"] = {**config["models"]["m"], **change}
    expected = ["models m and n: sample the same weights in the same way"]
    assert list(Study.load(config).doubts()) == (expected if is_warned else [])


@pytest.mark.parametrize(
    "name",
    ["config.yaml", "studies/demo.yaml", "studies/published.yaml", "studies/published_votes.yaml"]
    + ["studies/smoke.yaml", "studies/today.yaml"],
)
def test_shipped_studies_have_no_warnings(root, monkeypatch, name):
    monkeypatch.chdir(root)
    assert duplicate_keys(name) == []
    assert list(Study.load(yaml.safe_load((root / name).read_text())).doubts()) == []


def test_duplicate_keys_are_reported_with_their_lines(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("models:\n  a: &a {chat: true}\n  b: {<<: *a}\n  a: {chat: false}\n")
    assert duplicate_keys(file) == [f"{file}: models.a is given in line 2 and again in line 4; the first is ignored"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("study: s\n\ttasks: {}\n", "line 2, column 1: "),
        ("tasks:\n  t:\n    prompt: Question: {{ q }}\n", "line 3, column 21: mapping values are not allowed"),
        ("tasks:\n  - a\n  b: c\n", "line 3, column 3: did not find expected '-' indicator"),
    ],
)
def test_a_yaml_syntax_error_is_reported_with_its_line_and_column(tmp_path, text, expected):
    file = tmp_path / "study.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        duplicate_keys(file)
    assert str(error.value).startswith(f"{file}: {expected}")


def test_a_config_can_be_checked_without_snakemake(root, tmp_path):
    def check(text):
        (tmp_path / "study.yaml").write_text(text)
        command = [sys.executable, "-m", "monkeys.study", "study.yaml"]
        environment = {**os.environ, "PYTHONPATH": str(root / "workflow/scripts")}
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert "Traceback" not in result.stderr
        return result.returncode, result.stdout + result.stderr

    assert check("study: s\n  a: b\n") == (
        1,
        "ERROR study.yaml: line 2, column 4: mapping values are not allowed in this context; indent with spaces, and "
        "quote texts that contain `: `, `#` or braces\n",
    )
    assert check("- a\n") == (1, "ERROR study.yaml: must be lines of `name: value`\n")
    assert check("taks: {}\n")[1].startswith("ERROR the study's config is not valid:\n  config: unknown key 'taks'")
    assert check(f"seed: 1\n{yaml.safe_dump({**CONFIG, 'seed': 2})}") == (
        0,
        "WARNING study.yaml: seed is given in line 1 and again in line 8; the first is ignored\n"
        "study.yaml can be run\n",
    )


def tasks_with_defaults(**task):
    """Configs of tasks, with the settings of built-in ones filled in."""
    model = {"endpoint": {"base_url": "http://h", "model": "x"}, "tasks": list(task)}
    return Study.load({"study": "s", "tasks": task, "models": {"m": model}}).tasks


def test_a_task_inherits_from_the_built_in_task_of_its_name_or_from_its_base():
    given = {"samples": 8, "shard_size": 8, "sampling": {"temperature": 0.9}, "revision": None}
    tasks = tasks_with_defaults(gsm8k=given, easy={**given, "base": "gsm8k", "few_shot": 2})
    for name, few_shot in (("gsm8k", 5), ("easy", 2)):
        task = tasks[name]
        assert (task.base, task.dataset, task.verifier) == ("gsm8k", "openai/gsm8k", "gsm8k")
        assert (task.few_shot, task.revision) == (few_shot, None)
        assert (task.sampling.temperature, task.sampling.max_tokens) == (0.9, 512)


def test_a_custom_task_may_have_the_name_of_a_built_in_one():
    task = tasks_with_defaults(gsm8k={**TASK, "base": "none"})["gsm8k"]
    assert (task.few_shot, task.subset, task.sampling.max_tokens) == (0, None, 512)


def test_settings_of_a_built_in_task_are_not_shared_between_studies():
    tasks_with_defaults(gsm8k={"samples": 8, "shard_size": 8})["gsm8k"].sampling.stop.append("x")
    assert tasks_with_defaults(gsm8k={"samples": 8, "shard_size": 8})["gsm8k"].sampling.stop == ["Q:", "Question:"]


def test_an_unknown_base_is_an_error_that_lists_the_built_in_tasks():
    text = message({"task.base": "gsm9k"})
    assert "tasks.t.base: gsm9k is not one of the built-in tasks: aime24, aime25" in text


def test_examples_unused_by_the_prompt_are_rejected():
    assert "tasks.t.few_shot: 5, but tasks.t.prompt does not use `examples`" in message({"task.few_shot": 5})


def test_a_missing_file_of_examples_is_named():
    assert "tasks.t.examples.file: no file prompts.py" in message({"task.examples": {"file": "prompts.py"}})


def test_a_missing_required_key_is_named():
    config = copy.deepcopy(CONFIG)
    del config["tasks"]["t"]["verifier"]
    with pytest.raises(ConfigError, match=r"tasks\.t: missing verifier"):
        Study.load(config)


def test_settings_that_a_verifier_does_not_support_are_rejected():
    assert "tasks.t.lists: the verifier gsm8k does not compare lists; leave it out" in message({"task.lists": "first"})
    text = message({"task.verifier": "programs", "task.second_opinion": True})
    assert "tasks.t.second_opinion: the verifier programs has none; set it to false" in text
    config = copy.deepcopy(CONFIG)
    config["tasks"]["t"] |= {"verifier": "minerva", "lists": "first"}
    assert Study.load(config).tasks["t"].lists == "first"


def test_options_for_a_verifier_without_options_are_an_error():
    text = message({"task.verifier_options": {"first": True}})
    assert "tasks.t.verifier_options: the verifier gsm8k has no options; leave it out" in text


def test_an_unknown_verifier_is_an_error_that_lists_the_known_ones():
    text = message({"task.verifier": "gsm9k"})
    assert "tasks.t.verifier" in text and "gsm8k" in text


def test_an_invalid_prompt_template_is_rejected():
    assert "tasks.t.prompt: not a valid template" in message({"task.prompt": "{{ question"})


@pytest.mark.parametrize("name", ["a/b", ".hidden", "", "with space"])
def test_names_must_be_usable_as_file_names(name):
    assert "names use letters, digits" in message({"config.tasks": {name: TASK}})


def test_all_mistakes_are_reported_at_once():
    text = message({"task.samples": 120, "model.weights": "./none"})
    assert "tasks.t.samples" in text and "models.m.weights" in text


def test_a_models_sampling_settings_override_the_tasks():
    config = copy.deepcopy(CONFIG)
    config["tasks"]["t"]["sampling"] = {"temperature": 0.6, "top_p": 0.9}
    config["models"]["m"]["sampling"] = {"temperature": 0.2}
    settings = Study.load(config).sampling("t", "m")
    assert (settings.temperature, settings.top_p) == (0.2, 0.9)


@pytest.mark.parametrize(("verifier", "expected"), [("gsm8k", True), ("functions", False)])
def test_log_probabilities_are_stored_by_default_where_answers_are_voted_on(verifier, expected):
    config = copy.deepcopy(CONFIG)
    config["tasks"]["t"]["verifier"] = verifier
    assert Study.load(config).sampling("t", "m").logprobs is expected
    config["models"]["m"]["sampling"] = {"logprobs": not expected}
    study = Study.load(config)
    assert study.sampling("t", "m").logprobs is not expected
    assert study.distribution("t", "m") == Study.load(CONFIG).distribution("t", "m")


def test_a_servers_thinking_is_limited_by_its_own_parameters():
    server = {"base_url": "http://localhost/v1", "model": "x"}
    problem = message({"model.weights": None, "model.endpoint": server, "model.thinking": {"max_tokens": 9}})
    assert "models.m.thinking.max_tokens: servers limit thinking by parameters of their own" in problem
    assert "models.m.endpoint.parameters" in problem


def test_a_verifier_that_is_no_better_than_chance_is_an_error():
    expected = "tasks.t.verifier_errors: a verifier must accept more of the correct samples than of the wrong ones"
    assert expected in message({"task.verifier_errors": {"false_positive": 0.4, "false_negative": 0.6}})


def test_every_bin_of_an_audit_needs_a_number_of_samples():
    expected = "analysis.audit.per_bin: 2 numbers for the 4 bins of analysis.audit.bins"
    assert expected in message({"config.analysis": {"audit": {"per_bin": [5, 5]}}})


def test_a_limit_of_thinking_that_leaves_no_room_for_an_answer_is_an_error():
    expected = "models.m.thinking.max_tokens: 64 leaves no token for an answer to t (sampling.max_tokens: 64)"
    assert expected in message({"model.thinking": {"max_tokens": 64}, "model.sampling": {"max_tokens": 64}})


def test_samples_depend_on_the_markers_of_thinking_but_not_on_whether_it_is_kept():
    def distribution(thinking):
        config = copy.deepcopy(CONFIG)
        config["models"]["m"]["thinking"] = thinking
        return Study.load(config).distribution("t", "m")

    assert distribution(False) == Study.load(CONFIG).distribution("t", "m")
    assert distribution(True) == distribution({"keep": False}) != distribution(False)
    assert distribution({"end": "[/THINK]"}) != distribution(True)


def test_the_shipped_schema_is_up_to_date(root):
    shipped = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    assert shipped == reference.schema(Study), "make reference"


def test_the_reference_page_of_all_keys_is_up_to_date(root):
    assert (root / "docs/config.md").read_text() == reference.page(Study), "make reference"


def test_every_key_has_a_description():
    described = {kind: reference.descriptions(kind) for kind in reference.classes(Study)}
    assert [(kind, key) for kind, known in described.items() for key in kind.model_fields if not known.get(key)] == []


@pytest.mark.parametrize("name", ["config.yaml", "studies/demo.yaml"])
def test_the_shipped_studies_are_valid(root, monkeypatch, name):
    monkeypatch.chdir(root)
    Study.load(yaml.safe_load((root / name).read_text()))


def test_a_model_from_the_hub_needs_a_revision():
    text = message({"model.revision": None})
    assert "models.m.revision: a model from the hub needs one" in text
    assert "https://huggingface.co/organisation/model/commits/main" in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("enable_prefix_cachin", "vLLM has no argument enable_prefix_cachin; there is enable_prefix_caching"),
        ("dtype", "dtype has a key of its own, engine.dtype"),
        ("quantization", "quantization is decided by models.*.quantization"),
        ("seed", "seed is decided by the study's seed"),
        ("hf_overrides", "hf_overrides is decided by models.*.weights"),
        ("pipeline_parallel_size", "pipeline_parallel_size is decided by engine.tensor_parallel_size"),
    ],
)
def test_engine_arguments_are_checked_against_those_of_vllm(name, expected):
    assert f"models.m.engine.arguments: {expected}" in message({"model.engine.arguments": {name: 1}})


def test_valid_engine_arguments_are_passed_on_with_the_other_settings():
    config = copy.deepcopy(CONFIG)
    config["models"]["m"]["engine"] = {"arguments": {"speculative_config": {"method": "ngram"}}, "max_model_len": 2048}
    arguments = engine_arguments.llm_arguments(Study.load(config).models["m"].engine)
    assert arguments["speculative_config"] == {"method": "ngram"}
    assert arguments["max_model_len"] == 2048
    assert not {"max_num_seqs", "arguments", "separate_process"} & set(arguments)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"weights": "organisation/other"}, None),
        ({"revision": "4567def"}, None),
        ({"quantization": "fp8"}, None),
        ({"chat": True}, None),
        ({"chat": {"system": "Be brief."}}, None),
        ({"sampling": {"top_k": 5}}, None),
        ({"on_context_overflow": "truncate"}, None),
        ({"resources": {"runtime": 5}}, "same"),
        ({"engine": {"tensor_parallel_size": 8, "dtype": "float16", "arguments": {"kv_cache_dtype": "fp8"}}}, "same"),
        ({"facts": {"parameters": 5}}, "same"),
    ],
)
def test_only_settings_that_affect_samples_change_the_distribution(change, path):
    before, after = copy.deepcopy(CONFIG), copy.deepcopy(CONFIG)
    after["models"]["m"] |= change
    both = [Study.load(config).distribution("t", "m") for config in (before, after)]
    assert (both[0] == both[1]) == (path == "same")


def endpoint(**changes):
    config = copy.deepcopy(CONFIG)
    config["models"]["m"] = {"endpoint": {"base_url": "http://h:1/v1", "model": "x", **changes}, "tasks": ["t"]}
    return config


def test_the_address_of_a_server_does_not_change_the_distribution():
    first, moved, other = (
        Study.load(config).distribution("t", "m")
        for config in (endpoint(), endpoint(base_url="https://elsewhere/v1", concurrency=3), endpoint(model="y"))
    )
    assert first == moved != other


def test_a_password_in_a_servers_address_is_rejected_and_not_repeated():
    with pytest.raises(ConfigError) as error:
        Study.load(endpoint(base_url="http://user:hunter2@h/v1"))
    assert "models.m.endpoint.base_url: contains a user name or password" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_published_samples_need_a_revision_and_a_subset_for_every_task():
    text = message({"model.weights": None, "model.published": {"dataset": "organisation/samples", "subsets": {}}})
    assert "models.m.published.revision: a dataset from the hub needs one" in text
    assert "models.m.published.subsets: none for task t" in text


def test_graded_files_must_lie_outside_the_results_and_belong_to_the_study(tmp_path):
    graded = tmp_path / "results/graded.csv"
    graded.parent.mkdir()
    graded.touch()

    def errors(files):
        return message({"config.results": str(tmp_path / "results"), "config.analysis": {"audit": {"graded": files}}})

    assert f"analysis.audit.graded.t.m: {graded} is in the results folder" in errors({"t": {"m": str(graded)}})
    assert "analysis.audit.graded.t.m: no file elsewhere.csv" in errors({"t": {"m": "elsewhere.csv"}})
    assert "analysis.audit.graded.t.n: the study has no such task and model" in errors({"t": {"n": str(graded)}})


def test_the_required_keys_of_a_task_depend_on_its_models_sources(tmp_path):
    (tmp_path / "counts.csv").touch()
    config = {
        "study": "s",
        "tasks": {"t": {}},
        "models": {"m": {"outcomes": {"t": str(tmp_path / "counts.csv")}, "tasks": ["t"]}},
    }
    Study.load(copy.deepcopy(config))
    config["models"]["m"] = {"published": {"dataset": str(tmp_path), "subsets": {"t": "A"}}, "tasks": ["t"]}
    with pytest.raises(ConfigError) as error:
        Study.load(copy.deepcopy(config))
    lines = str(error.value).splitlines()[1:]
    assert lines == [
        "  tasks.t: missing samples, which models.m needs",
        "  tasks.t: missing shard_size, which models.m needs",
    ]
    config["rewards"] = {"r": {"weights": str(tmp_path), "tasks": ["t"]}}
    with pytest.raises(ConfigError, match=r"tasks\.t: missing prompt, which rewards\.r needs to show"):
        Study.load(copy.deepcopy(config))
    config["models"]["m"]["published"]["verify"] = True
    with pytest.raises(ConfigError, match=r"tasks\.t: missing verifier, which models\.m needs"):
        Study.load(copy.deepcopy(config))
