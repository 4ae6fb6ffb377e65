"""Selections of a study's tasks and models, by what results need."""

from typing import Any

from monkeys import study, tasks, verification

LOGPROB = "logprob"
"""Name of the reward that needs no model: the geometric mean of a sample's token probabilities."""

SIZE_FACTS = ("parameters", "layers", "hidden_size")
"""Facts about a model needed to count its FLOPs: the fields of `analysis.cost.Architecture`."""

Pair = tuple[str, str]
"""A task and a model."""


def families(config: dict[str, Any]) -> dict[str, str]:
    """Family of each model that has one."""
    return {name: model["family"] for name, model in config["models"].items() if model["family"] is not None}


def families_on_tasks(config: dict[str, Any]) -> dict[Pair, list[str]]:
    """Models of each (task, family) that has at least two."""
    found: dict[Pair, list[str]] = {}
    for task, model in study.pairs(config):
        if model in families(config):
            found.setdefault((task, families(config)[model]), []).append(model)
    return {group: models for group, models in found.items() if len(models) > 1}


def _has_token_counts(model: dict[str, Any]) -> bool:
    return model["weights"] is not None or model["endpoint"] is not None


def with_flops(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose inference FLOPs can be counted."""
    return [
        (task, name)
        for task, name in study.pairs(config)
        if _has_token_counts(model := config["models"][name])
        and (model["weights"] is not None or all(model["facts"][fact] is not None for fact in SIZE_FACTS))
    ]


def with_prices(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose cost in dollars can be computed."""
    return [
        (task, name)
        for task, name in study.pairs(config)
        if (price := config["models"][name]["price"])["sample"] is not None
        or (_has_token_counts(config["models"][name]) and None not in (price["prompt"], price["generated"]))
    ]


def rewards_of(config: dict[str, Any], task: str, name: str) -> list[str]:
    """Names of the rewards that a pair's samples have."""
    own = [LOGPROB] if _has_token_counts(config["models"][name]) else []
    return own + [reward for reward, model in config["rewards"].items() if study.scores(model, config, task, name)]


def has_votes(config: dict[str, Any], task: str, name: str) -> bool:
    """Whether a pair's verdicts have answers to vote on."""
    model = config["models"][name]
    ours = model["published"] is None or model["published"]["verify"]
    return model["outcomes"] is None and ours and verification.load(config["tasks"][task]["verifier"]).votes


def with_selectors(config: dict[str, Any]) -> list[Pair]:
    """Pairs with at least one selector."""
    return [pair for pair in study.pairs(config) if rewards_of(config, *pair) or has_votes(config, *pair)]


def with_our_verdicts(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose samples are judged by our verifiers."""
    return [
        (task, name)
        for task, name in study.pairs(config)
        if config["models"][name]["outcomes"] is None and study.verdict_stage(config, name) == "verdicts"
    ]


def reverified(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose samples were published with verdicts and are verified again."""
    return [(t, name) for t, name in with_our_verdicts(config) if config["models"][name]["published"] is not None]


def with_second_opinion(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose answers get a second opinion."""
    return [(task, name) for task, name in with_our_verdicts(config) if config["tasks"][task]["second_opinion"]]


def graded(config: dict[str, Any]) -> list[Pair]:
    """Pairs with manually graded samples."""
    return [(task, name) for task, files in config["analysis"]["audit"]["graded"].items() for name in files]


def tasks_with_known_solutions(config: dict[str, Any]) -> list[str]:
    """Tasks whose dataset has known correct solutions."""
    return [name for name, task in config["tasks"].items() if tasks.load(task["base"]).solution_columns]


def flagged(config: dict[str, Any]) -> dict[str, list[str]]:
    """Flagged problems by task, for measured tasks that have some."""
    measured = {task for task, _ in study.pairs(config)}
    return {
        name: list(dict.fromkeys(task["flagged"]["flaky"] + task["flagged"]["false_negative"]))
        for name, task in config["tasks"].items()
        if name in measured and (task["flagged"]["flaky"] or task["flagged"]["false_negative"])
    }
