import copy
import json

import pytest

from monkeys.analysis.cost import Architecture
from monkeys.reporting import inputs, pairs, registry
from monkeys.study import ConfigError, Study

TASKS = {
    "gsm8k": {"samples": 8, "shard_size": 8},
    "programs": {
        "dataset": "o/d",
        "columns": {"reference": "tests"},
        "prompt": "{{ p }}",
        "verifier": "programs",
        "samples": 8,
        "shard_size": 8,
    },
}
WEIGHTS = {"weights": "o/m", "revision": "main"}
ENDPOINT = {"endpoint": {"base_url": "http://h", "model": "x"}}
PUBLISHED = {"published": {"dataset": "o/s", "revision": "main", "subsets": {"gsm8k": "A", "programs": "B"}}}


def config(models, **more):
    models = {name: {"tasks": ["gsm8k", "programs"], **model} for name, model in models.items()}
    return Study.load(copy.deepcopy({"study": "s", "tasks": TASKS, "models": models, **more}))


def test_a_study_of_weights_has_all_figures_that_need_no_optional_keys():
    everything = config({"a": WEIGHTS})
    assert registry.default_results("draw", everything) == [
        "cover",
        "coverage",
        "coverage_vs_compute",
        "coverage_vs_tokens",
        "early_stopping",
        "power_law",
        "prediction",
        "selection",
        "solve_rates",
    ]
    assert set(registry.missing(everything)) | set(registry.default_results("draw", everything)) == set(
        registry.names("draw")
    )


def test_missing_results_name_the_key_that_enables_them():
    without = registry.missing(config({"a": PUBLISHED}))
    assert "models.*.family" in without["coverage_by_family"] == without["curve_similarity"]
    assert "models.*.facts" in without["coverage_vs_compute"]
    assert "models.*.price" in without["coverage_vs_cost"]
    assert "token counts" in without["coverage_vs_tokens"]
    assert "two models" in without["comparison"]
    assert "answers to vote on" in without["early_stopping"]
    assert "rewards" in without["selection"]
    assert "tasks.*.flagged" in without["flagged"]


def test_a_family_needs_two_models_on_one_task():
    in_family = {**WEIGHTS, "family": "f"}
    different_families = {"a": in_family, "b": {**WEIGHTS, "family": "g"}}
    assert pairs.families_on_tasks(config(different_families)) == {}
    different_tasks = {
        "a": {**WEIGHTS, "family": "f", "tasks": ["gsm8k"]},
        "b": {**WEIGHTS, "family": "f", "tasks": ["programs"]},
    }
    assert pairs.families_on_tasks(config(different_tasks)) == {}
    same_family = {"a": in_family, "b": {**in_family, "tasks": ["programs"]}}
    assert pairs.families_on_tasks(config(same_family)) == {("programs", "f"): ["a", "b"]}


def test_a_comparison_needs_two_models_on_one_task():
    alone = {"a": {**WEIGHTS, "tasks": ["gsm8k"]}, "b": {**WEIGHTS, "tasks": ["programs"]}}
    assert "comparison" in registry.missing(config(alone))
    assert "comparison" in registry.default_results("tabulate", config({"a": WEIGHTS, "b": WEIGHTS}))


def test_flops_need_tokens_and_the_size_of_the_model():
    facts = {"facts": {"parameters": 8, "layers": 2, "hidden_size": 4}}
    models = {"w": WEIGHTS, "e": ENDPOINT, "k": {**ENDPOINT, **facts}, "p": {**PUBLISHED, **facts}}
    assert {model for _, model in pairs.with_flops(config(models))} == {"w", "k"}


def test_the_size_of_a_model_is_read_from_its_facts_if_all_of_it_is_known(tmp_path):
    known = {"weights": "o/m", "parameters": 8, "layers": 2, "hidden_size": 4, "context": None}
    for model, facts in {"known": known, "unknown": known | {"layers": None}}.items():
        (tmp_path / f"{model}.json").write_text(json.dumps(facts))
    read = inputs.INPUTS["facts"].read(sorted(map(str, tmp_path.iterdir())), None)
    assert read == {"known": Architecture(parameters=8, layers=2, hidden_size=4)}


def test_tokens_are_counted_for_weights_and_servers():
    models = {"w": WEIGHTS, "e": ENDPOINT, "p": PUBLISHED}
    assert {model for _, model in pairs.with_tokens(config(models))} == {"w", "e"}


def test_dollars_need_a_price_per_sample_or_tokens_and_both_token_prices():
    models = {
        "attempt": {**PUBLISHED, "price": {"sample": 0.01}},
        "tokens": {**ENDPOINT, "price": {"prompt": 3, "generated": 15}},
        "half": {**ENDPOINT, "price": {"generated": 15}},
        "untold": {**PUBLISHED, "price": {"prompt": 3, "generated": 15}},
    }
    assert {model for _, model in pairs.with_prices(config(models))} == {"attempt", "tokens"}


def test_votes_need_answers_from_our_own_verifier():
    models = {"w": WEIGHTS, "p": PUBLISHED, "again": {"published": {**PUBLISHED["published"], "verify": True}}}
    study = config(models)
    voting = [(task, model) for task, model in study.pairs() if pairs.has_votes(study, task, model)]
    assert voting == [("gsm8k", "w"), ("gsm8k", "again")]


def test_rewards_belong_to_their_tasks_and_models():
    rewards = {"judge": {"weights": "o/r", "revision": "main", "tasks": ["gsm8k"], "models": ["p"]}}
    study = config({"w": WEIGHTS, "p": PUBLISHED}, rewards=rewards)
    assert pairs.rewards_of(study, "gsm8k", "p") == ["judge"]
    assert pairs.rewards_of(study, "programs", "p") == []
    assert pairs.rewards_of(study, "gsm8k", "w") == ["logprob"]
    assert ("gsm8k", "p") in pairs.with_selectors(study)


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ({"tasks": ["gsm9k"]}, "rewards.judge.tasks: gsm9k is not in tasks of this study; defined: gsm8k, programs"),
        ({"models": ["b"]}, "rewards.judge.models: b is not in models of this study; defined: a"),
        ({"weights": "./none"}, "rewards.judge.weights: no model in the folder ./none"),
        ({"revision": None}, "rewards.judge.revision: a model from the hub needs one"),
    ],
)
def test_mistakes_in_rewards_name_their_key(reward, message):
    whole = {"weights": "o/r", "revision": "main", "tasks": ["gsm8k"], **reward}
    with pytest.raises(ConfigError) as error:
        config({"a": WEIGHTS}, rewards={"judge": whole})
    assert message in str(error.value)


def test_flagged_problems_belong_to_tasks_in_use():
    flagged = {"flaky": ["1", "2"], "false_negative": ["2", "3"]}
    study = config({"a": WEIGHTS}, tasks={**TASKS, "gsm8k": TASKS["gsm8k"] | {"flagged": flagged}})
    assert pairs.flagged(study) == {"gsm8k": ["1", "2", "3"]}
    study = config(
        {"a": WEIGHTS | {"tasks": ["programs"]}}, tasks={**TASKS, "gsm8k": TASKS["gsm8k"] | {"flagged": flagged}}
    )
    assert pairs.flagged(study) == {}


@pytest.mark.parametrize("function", ["compute", "tabulate", "draw"])
def test_every_result_uses_existing_inputs_and_declares_its_captions(function):
    everything = config({"a": WEIGHTS})
    assert registry.names(function)
    for name in registry.names(function):
        module = registry.load(name)
        known = module.settings(everything) if hasattr(module, "settings") else {}
        unknown = [arg for arg in registry.arguments(name, function) if not (inputs.find(arg) or arg in known)]
        assert not unknown, name
        assert module.CATEGORY
        for caption, made in (("TABLE", "tabulate"), ("FIGURE", "draw")):
            assert hasattr(module, caption) == hasattr(module, made), name
