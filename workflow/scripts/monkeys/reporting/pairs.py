"""Which tasks and models of a study have what a result needs."""

from typing import Any

from monkeys import study, tasks, verification

LOGPROB = "logprob"
"""The reward that needs no model: the geometric mean of the probabilities of a sample's tokens."""

SIZE = ("parameters", "layers", "hidden_size")
"""What must be known of a model to count its FLOPs: the fields of `analysis.cost.Architecture`."""

Pair = tuple[str, str]
"""A task and a model."""


def families(config: dict[str, Any]) -> dict[str, str]:
    """The family of each model that has one."""
    return {name: model["family"] for name, model in config["models"].items() if model["family"] is not None}


def families_on_tasks(config: dict[str, Any]) -> dict[Pair, list[str]]:
    """The models of each (task, family) that has at least two."""
    found: dict[Pair, list[str]] = {}
    for task, model in study.pairs(config):
        if model in families(config):
            found.setdefault((task, families(config)[model]), []).append(model)
    return {group: models for group, models in found.items() if len(models) > 1}


def _counts_tokens(model: dict[str, Any]) -> bool:
    return model["weights"] is not None or model["endpoint"] is not None


def with_flops(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose inference FLOPs can be counted."""
    return [
        (task, name)
        for task, name in study.pairs(config)
        if _counts_tokens(model := config["models"][name])
        and (model["weights"] is not None or all(model["facts"][fact] is not None for fact in SIZE))
    ]


def with_prices(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose dollars can be counted."""
    return [
        (task, name)
        for task, name in study.pairs(config)
        if (price := config["models"][name]["price"])["sample"] is not None
        or (_counts_tokens(config["models"][name]) and None not in (price["prompt"], price["generated"]))
    ]


def rewards_of(config: dict[str, Any], task: str, name: str) -> list[str]:
    """Rewards that a pair's samples have."""
    own = [LOGPROB] if _counts_tokens(config["models"][name]) else []
    return own + [reward for reward, about in config["rewards"].items() if study.scores(about, config, task, name)]


def has_votes(config: dict[str, Any], task: str, name: str) -> bool:
    """Whether a pair's verdicts hold answers that can be voted on."""
    model = config["models"][name]
    ours = model["published"] is None or model["published"]["verify"]
    return model["outcomes"] is None and ours and verification.load(config["tasks"][task]["verifier"]).votes


def with_selectors(config: dict[str, Any]) -> list[Pair]:
    """Pairs with at least one way of choosing among samples."""
    return [pair for pair in study.pairs(config) if rewards_of(config, *pair) or has_votes(config, *pair)]


def with_our_verdicts(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose samples our verifiers judge."""
    return [
        (task, name)
        for task, name in study.pairs(config)
        if config["models"][name]["outcomes"] is None and study.verdict_stage(config, name) == "verdicts"
    ]


def verified_again(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose samples were published with verdicts and are judged again."""
    return [(t, name) for t, name in with_our_verdicts(config) if config["models"][name]["published"] is not None]


def judged_twice(config: dict[str, Any]) -> list[Pair]:
    """Pairs whose answers get a second opinion."""
    return [(task, name) for task, name in with_our_verdicts(config) if config["tasks"][task]["second_opinion"]]


def graded(config: dict[str, Any]) -> list[Pair]:
    """Pairs of which people graded samples."""
    return [(task, name) for task, files in config["analysis"]["audit"]["graded"].items() for name in files]


def tasks_with_known_solutions(config: dict[str, Any]) -> list[str]:
    """Tasks whose dataset has solutions that are known to be right."""
    return [name for name, task in config["tasks"].items() if tasks.load(task["base"]).solution_columns]


def flagged(config: dict[str, Any]) -> dict[str, list[str]]:
    """The doubtful problems of each task that has some and is measured."""
    measured = {task for task, _ in study.pairs(config)}
    return {
        name: list(dict.fromkeys(task["flagged"]["flaky"] + task["flagged"]["false_negative"]))
        for name, task in config["tasks"].items()
        if name in measured and (task["flagged"]["flaky"] or task["flagged"]["false_negative"])
    }
