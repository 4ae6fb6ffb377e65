"""Which figures and tables a study can have, and what the others would need."""

from collections.abc import Callable
from typing import Any

from monkeys import study, tasks, verification

LOGPROB = "logprob"
"""The reward that needs no model: how likely the sampler itself found a sample's tokens, on their geometric mean."""

FIGURES = (
    "coverage",
    "coverage_by_family",
    "coverage_vs_compute",
    "coverage_vs_cost",
    "power_law_fits",
    "curve_similarity",
    "selection",
    "solve_rates",
    "flaky_problems",
)
"""All figures, in the order in which a report shows them."""

SIZE = ("parameters", "layers", "hidden_size")
"""What must be known of a model to count its FLOPs."""

Pair = tuple[str, str]
"""A task and a model."""


def missing(config: dict[str, Any]) -> dict[str, str]:
    """What keeps a study from having a figure, by figure; the figures that it has are not in it."""
    family = "no two models of one family on one task (models.*.family)"
    needs: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
        "coverage_by_family": (relatives, family),
        "coverage_vs_compute": (
            computed,
            "no samples with counted tokens, of models of known size (models.*.facts); published samples and outcomes "
            "tell no tokens",
        ),
        "coverage_vs_cost": (priced, "no model with a price that can be applied (models.*.price)"),
        "curve_similarity": (relatives, family),
        "selection": (selected, "no samples with answers to vote on, or with rewards (rewards)"),
        "flaky_problems": (flagged, "no problems are flagged (tasks.*.flagged)"),
    }
    return {figure: reason for figure, (there, reason) in needs.items() if not there(config)}


def figures(config: dict[str, Any]) -> list[str]:
    """The figures that a study has."""
    without = missing(config)
    return [figure for figure in FIGURES if figure not in without]


def families(config: dict[str, Any]) -> dict[str, str]:
    """The family of each model that has one."""
    return {name: model["family"] for name, model in config["models"].items() if model["family"] is not None}


def relatives(config: dict[str, Any]) -> dict[Pair, list[str]]:
    """The models of each (task, family) that has at least two."""
    found: dict[Pair, list[str]] = {}
    for task, model in study.pairs(config):
        if model in families(config):
            found.setdefault((task, families(config)[model]), []).append(model)
    return {group: models for group, models in found.items() if len(models) > 1}


def _counts_tokens(model: dict[str, Any]) -> bool:
    return model["weights"] is not None or model["endpoint"] is not None


def computed(config: dict[str, Any]) -> list[Pair]:
    """The pairs whose inference FLOPs can be told."""
    return [
        (task, name)
        for task, name in study.pairs(config)
        if _counts_tokens(model := config["models"][name])
        and (model["weights"] is not None or all(model["facts"][fact] is not None for fact in SIZE))
    ]


def priced(config: dict[str, Any]) -> list[Pair]:
    """The pairs whose dollars can be told."""
    return [
        (task, name)
        for task, name in study.pairs(config)
        if (price := config["models"][name]["price"])["attempt"] is not None
        or (_counts_tokens(config["models"][name]) and None not in (price["prompt"], price["generated"]))
    ]


def rewards_of(config: dict[str, Any], task: str, name: str) -> list[str]:
    """The rewards that a pair's samples have."""
    own = [LOGPROB] if _counts_tokens(config["models"][name]) else []
    return own + [reward for reward, about in config["rewards"].items() if study.scores(about, config, task, name)]


def votes(config: dict[str, Any], task: str, name: str) -> bool:
    """Whether a pair's verdicts hold answers that can be voted on."""
    model = config["models"][name]
    ours = model["published"] is None or model["published"]["verify"]
    return model["outcomes"] is None and ours and verification.load(config["tasks"][task]["verifier"]).votes


def selected(config: dict[str, Any]) -> list[Pair]:
    """The pairs among whose samples something can choose."""
    return [pair for pair in study.pairs(config) if rewards_of(config, *pair) or votes(config, *pair)]


def with_known_solutions(config: dict[str, Any]) -> list[str]:
    """The tasks whose dataset has solutions that are known to be right."""
    return [name for name, task in config["tasks"].items() if tasks.load(task["base"]).solution_columns]


def flagged(config: dict[str, Any]) -> dict[str, list[str]]:
    """The doubtful problems of each task that has some and is measured."""
    measured = {task for task, _ in study.pairs(config)}
    return {
        name: list(dict.fromkeys(task["flagged"]["flaky"] + task["flagged"]["false_negative"]))
        for name, task in config["tasks"].items()
        if name in measured and (task["flagged"]["flaky"] or task["flagged"]["false_negative"])
    }
