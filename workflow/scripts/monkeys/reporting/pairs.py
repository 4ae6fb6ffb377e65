"""Selections of a study's tasks and models, by what results need."""

from monkeys import tasks
from monkeys.sources.imported import Imported
from monkeys.sources.weights import Weights
from monkeys.study import Pair, Study

LOGPROB = "logprob"
"""Name of the reward that needs no model: the geometric mean of a sample's token probabilities."""

SIZE_FACTS = ("parameters", "layers", "hidden_size")
"""Facts about a model needed to count its FLOPs: the fields of `analysis.cost.Architecture`."""


def families(study: Study) -> dict[str, str]:
    """Family of each model that has one."""
    return {name: model.family for name, model in study.models.items() if model.family is not None}


def families_on_tasks(study: Study) -> dict[Pair, list[str]]:
    """Models of each (task, family) that has at least two."""
    found: dict[Pair, list[str]] = {}
    for task, model in study.pairs():
        if model in families(study):
            found.setdefault((task, families(study)[model]), []).append(model)
    return {group: models for group, models in found.items() if len(models) > 1}


def with_tokens(study: Study) -> list[Pair]:
    """Pairs whose samples have token counts."""
    return [(task, name) for task, name in study.pairs() if study.models[name].source.counts_tokens]


def with_flops(study: Study) -> list[Pair]:
    """Pairs whose inference FLOPs can be counted."""
    return [
        (task, name)
        for task, name in with_tokens(study)
        if isinstance((model := study.models[name]).source, Weights)
        or all(getattr(model.facts, fact) is not None for fact in SIZE_FACTS)
    ]


def with_prices(study: Study) -> list[Pair]:
    """Pairs whose cost in dollars can be computed."""
    return [
        (task, name)
        for task, name in study.pairs()
        if (price := study.models[name].price).sample is not None
        or (study.models[name].source.counts_tokens and None not in (price.prompt, price.generated))
    ]


def rewards_of(study: Study, task: str, name: str) -> list[str]:
    """Names of the rewards that a pair's samples have."""
    own = [LOGPROB] if study.models[name].source.counts_tokens and study.sampling(task, name).logprobs else []
    return own + [reward for reward in study.rewards if study.scored(reward, task, name)]


def has_votes(study: Study, task: str, name: str) -> bool:
    """Whether a pair's verdicts have answers to vote on."""
    return study.models[name].source.verified and study.votes(task)


def with_votes(study: Study) -> list[Pair]:
    """Pairs whose verdicts have answers to vote on."""
    return [pair for pair in study.pairs() if has_votes(study, *pair)]


def with_selectors(study: Study) -> list[Pair]:
    """Pairs with at least one selector."""
    return [pair for pair in study.pairs() if rewards_of(study, *pair) or has_votes(study, *pair)]


def with_our_verdicts(study: Study) -> list[Pair]:
    """Pairs whose samples are judged by our verifiers."""
    return [(task, name) for task, name in study.pairs() if study.models[name].source.verified]


def reverified(study: Study) -> list[Pair]:
    """Pairs whose samples were published with verdicts and are verified again."""
    return [(t, name) for t, name in with_our_verdicts(study) if isinstance(study.models[name].source, Imported)]


def with_second_opinion(study: Study) -> list[Pair]:
    """Pairs whose answers get a second opinion."""
    return [(task, name) for task, name in with_our_verdicts(study) if study.tasks[task].second_opinion]


def with_verifier_errors(study: Study) -> list[Pair]:
    """Pairs whose task states how often its verifier errs."""
    return [(task, name) for task, name in study.pairs() if study.tasks[task].verifier_errors is not None]


def graded(study: Study) -> list[Pair]:
    """Pairs with manually graded samples."""
    return [(task, name) for task, files in study.analysis.audit.graded.items() for name in files]


def tasks_with_known_solutions(study: Study) -> list[str]:
    """Tasks whose dataset has known correct solutions."""
    return [name for name, task in study.tasks.items() if tasks.load(task.base).solution_columns]


def tasks_with_guesses(study: Study) -> list[str]:
    """Tasks whose answers are guessed as a baseline; their datasets are loaded for sampling or verification anyway."""
    return list(dict.fromkeys(task for task, _ in with_our_verdicts(study) if study.tasks[task].guesses is not None))


def flagged(study: Study) -> dict[str, list[str]]:
    """Flagged problems by task, for measured tasks that have some."""
    measured = {task for task, _ in study.pairs()}
    return {
        name: list(dict.fromkeys(task.flagged.flaky + task.flagged.false_negative))
        for name, task in study.tasks.items()
        if name in measured and (task.flagged.flaky or task.flagged.false_negative)
    }
