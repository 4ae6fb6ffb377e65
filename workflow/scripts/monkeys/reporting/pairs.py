"""Which tasks and models of a study have what a result needs."""

from monkeys import tasks, verification
from monkeys.sources.published import Published
from monkeys.sources.weights import Weights
from monkeys.study import Study

LOGPROB = "logprob"
"""The reward that needs no model: the geometric mean of the probabilities of a sample's tokens."""

SIZE = ("parameters", "layers", "hidden_size")
"""What must be known of a model to count its FLOPs: the fields of `analysis.cost.Architecture`."""

Pair = tuple[str, str]
"""A task and a model."""


def families(study: Study) -> dict[str, str]:
    """The family of each model that has one."""
    return {name: model.family for name, model in study.models.items() if model.family is not None}


def families_on_tasks(study: Study) -> dict[Pair, list[str]]:
    """The models of each (task, family) that has at least two."""
    found: dict[Pair, list[str]] = {}
    for task, model in study.pairs():
        if model in families(study):
            found.setdefault((task, families(study)[model]), []).append(model)
    return {group: models for group, models in found.items() if len(models) > 1}


def with_flops(study: Study) -> list[Pair]:
    """Pairs whose inference FLOPs can be counted."""
    return [
        (task, name)
        for task, name in study.pairs()
        if (model := study.models[name]).source.counts_tokens
        and (isinstance(model.source, Weights) or all(getattr(model.facts, fact) is not None for fact in SIZE))
    ]


def with_prices(study: Study) -> list[Pair]:
    """Pairs whose dollars can be counted."""
    return [
        (task, name)
        for task, name in study.pairs()
        if (price := study.models[name].price).sample is not None
        or (study.models[name].source.counts_tokens and None not in (price.prompt, price.generated))
    ]


def rewards_of(study: Study, task: str, name: str) -> list[str]:
    """Rewards that a pair's samples have."""
    own = [LOGPROB] if study.models[name].source.counts_tokens else []
    return own + [reward for reward in study.rewards if study.scored(reward, task, name)]


def has_votes(study: Study, task: str, name: str) -> bool:
    """Whether a pair's verdicts hold answers that can be voted on."""
    verifier = study.tasks[task].verifier
    return study.models[name].source.verified and verifier is not None and verification.load(verifier).votes


def with_selectors(study: Study) -> list[Pair]:
    """Pairs with at least one way of choosing among samples."""
    return [pair for pair in study.pairs() if rewards_of(study, *pair) or has_votes(study, *pair)]


def with_our_verdicts(study: Study) -> list[Pair]:
    """Pairs whose samples our verifiers judge."""
    return [(task, name) for task, name in study.pairs() if study.models[name].source.verified]


def verified_again(study: Study) -> list[Pair]:
    """Pairs whose samples were published with verdicts and are judged again."""
    return [(t, name) for t, name in with_our_verdicts(study) if isinstance(study.models[name].source, Published)]


def judged_twice(study: Study) -> list[Pair]:
    """Pairs whose answers get a second opinion."""
    return [(task, name) for task, name in with_our_verdicts(study) if study.tasks[task].second_opinion]


def graded(study: Study) -> list[Pair]:
    """Pairs of which people graded samples."""
    return [(task, name) for task, files in study.analysis.audit.graded.items() for name in files]


def tasks_with_known_solutions(study: Study) -> list[str]:
    """Tasks whose dataset has solutions that are known to be right."""
    return [name for name, task in study.tasks.items() if tasks.load(task.base).solution_columns]


def flagged(study: Study) -> dict[str, list[str]]:
    """The doubtful problems of each task that has some and is measured."""
    measured = {task for task, _ in study.pairs()}
    return {
        name: list(dict.fromkeys(task.flagged.flaky + task.flagged.false_negative))
        for name, task in study.tasks.items()
        if name in measured and (task.flagged.flaky or task.flagged.false_negative)
    }
