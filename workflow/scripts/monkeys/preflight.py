"""Mistakes in a study that would show on a node or after sampling, found before the first sample.

Models are looked at where Snakemake runs, without their weights. What cannot be told from their small files is left to
the job itself.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from monkeys import hub, verification
from monkeys.hub import NotThere
from monkeys.rewards.reward import Reward
from monkeys.sampling import endpoint, weights
from monkeys.sampling.tokens import MissingTemplate, encoded, refuse_overlong
from monkeys.sources.endpoint import Endpoint
from monkeys.sources.outcomes import Outcomes
from monkeys.sources.weights import Weights
from monkeys.storage import read_rows
from monkeys.study import Study
from monkeys.study.study import SourcedModel
from monkeys.tasks.problems import build_problems, build_prompts, told_of
from monkeys.tasks.rows import TaskData

Problems = Mapping[str, Mapping[str, Any]]
"""Rows of a problems file, by problem id."""


@dataclass
class Seen:
    """What was seen of a model; `mistakes` keep the study from being run, `doubts` do not."""

    mistakes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    context: int | None = None
    """Tokens that prompt and sample may have together; None if it is not known."""
    lengths: dict[str, dict[str, int]] = field(default_factory=dict)
    """Tokens of every prompt, by task and problem."""


def look_at(study: Study, model: str, problems: Mapping[str, Problems]) -> Seen:
    """See whether a model can be sampled, and its samples scored, as the study says.

    Args:
        config: The study.
        model: The model's name.
        problems: The problems of its tasks, or of some of them.

    Returns:
        All mistakes that there are.
    """
    seen = Seen()
    about = study.models[model]
    if isinstance(about.source, Weights):
        _look_at_weights(seen, study, model, problems)
    if isinstance(about.source, Endpoint):
        try:
            endpoint.key_of(about.source.settings, model)
        except ValueError as mistake:
            seen.mistakes.append(str(mistake))
    for name in study.rewards:
        scored = [task for task in problems if study.scored(name, task, model)]
        if scored:
            _look_at_reward(seen, study, name, {task: problems[task] for task in scored})
    return seen


def refuse(study: Study, problems: Mapping[str, Mapping[str, Problems]], console: TextIO) -> None:
    """See that models can be sampled; doubts are printed.

    Args:
        config: The study.
        problems: By model and task.
        console: Where people read doubts.

    Raises:
        ValueError: with a line per mistake of all of them.
    """
    seen = [look_at(study, model, by_task) for model, by_task in problems.items()]
    for doubt in dict.fromkeys(doubt for one in seen for doubt in one.doubts):
        print(f"WARNING {doubt}", file=console)
    if mistakes := dict.fromkeys(mistake for one in seen for mistake in one.mistakes):
        raise ValueError("\n".join(mistakes))


def _look_at_weights(seen: Seen, study: Study, model: str, problems: Mapping[str, Problems]) -> None:
    about = study.models[model]
    engine = about.engine
    folder = _small_files(
        seen, study, f"models.{model}", about.source.settings, about.revision, engine.trust_remote_code
    )
    if folder is None:
        return
    seen.context = engine.max_model_len or context_of(folder)
    prompts = {task: {problem: row["prompt"] for problem, row in rows.items()} for task, rows in problems.items()}
    room = {
        task: seen.context - study.sampling(task, model)["max_tokens"]
        for task in problems
        if seen.context is not None and about.on_context_overflow == "error"
    }
    try:
        seen.lengths = _lengths(folder, prompts, room, about, model)
    except MissingTemplate as mistake:
        seen.mistakes.append(str(mistake))
    except Exception as error:  # vLLM knows some tokenizers that transformers does not
        seen.doubts.append(
            f"models.{model}.weights: its tokenizer cannot be loaded here, so its prompts were not looked at ({error})"
        )
    for task, most in room.items():
        longest = study.sampling(task, model)["max_tokens"]
        try:
            refuse_overlong(seen.lengths.get(task, {}), most + longest, task, model, longest)
        except ValueError as mistake:
            seen.mistakes.append(str(mistake))


def _small_files(
    seen: Seen, study: Study, where: str, name: str, revision: str | None, trust_remote_code: bool
) -> Path | None:
    """The folder with a model's config and tokenizer; None, with the mistake, if they cannot be had."""
    try:
        commit = hub.commit_of("model", name, revision, study.results)
        return weights.fetch_alongside(name, commit, trust_remote_code)
    except NotThere as mistake:
        seen.mistakes.append(f"{where}.weights: {mistake}")
        return None


def context_of(folder: Path) -> int | None:
    """The context in a model's config.json; None if it does not tell, or if it may be stretched."""
    config = json.loads((folder / "config.json").read_text())
    config |= config.get("text_config", {})
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if rope.get("rope_type", rope.get("type", "default")) not in ("default", "llama3"):
        return None
    return next((config[name] for name in weights.FACTS["context"] if config.get(name) is not None), None)


def _lengths(
    folder: Path, prompts: Mapping[str, Mapping[str, str]], room: Mapping[str, int], about: SourcedModel, model: str
) -> dict[str, dict[str, int]]:
    """Tokens of every prompt, by task and problem.

    The library `tokenizers` reads a text almost as transformers does, without the seconds that this one takes to be
    imported. Where a prompt seems to have too many tokens (`room`, by task), transformers has the last word.
    """
    file = folder / "tokenizer.json"
    if file.is_file() and not about.chat:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_truncation()
        lengths = {
            task: dict(zip(texts, (len(e.ids) for e in tokenizer.encode_batch(list(texts.values()))), strict=True))
            for task, texts in prompts.items()
        }
        if all(max(lengths[task].values()) <= most for task, most in room.items()):
            return lengths
    whole = _tokenizer(folder, about.engine.trust_remote_code)
    return {
        task: {problem: len(ids) for problem, ids in encoded(whole, texts, about.chat, model).items()}
        for task, texts in prompts.items()
    }


def _tokenizer(folder: Path, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)


def _look_at_reward(seen: Seen, study: Study, name: str, problems: Mapping[str, Problems]) -> None:
    about = study.rewards[name]
    for task, rows in problems.items():
        if nothing := [problem for problem, row in rows.items() if row.get(about.context) is None]:
            seen.mistakes.append(
                f"rewards.{name}.context: problem {nothing[0]} of task {task} has no {about.context}; "
                f"set tasks.{task}.{about.context}, or show the model something else"
            )
    folder = _small_files(seen, study, f"rewards.{name}", about.weights, about.revision, about.trust_remote_code)
    if folder is None:
        return
    reward = Reward.of(name, about, commit=None)
    try:
        if (context := context_of(folder)) is not None:
            reward.longest(context)
    except ValueError as mistake:
        seen.mistakes.append(str(mistake))
    if not about.chat:
        return
    try:
        tokenizer = _tokenizer(folder, about.trust_remote_code)
    except Exception as error:
        seen.doubts.append(f"rewards.{name}.weights: its tokenizer cannot be loaded here ({error})")
        return
    try:
        reward.refuse_missing_template(tokenizer)
    except ValueError as mistake:
        seen.mistakes.append(str(mistake))


def look_at_servers(study: Study) -> Iterator[str]:
    """What is wrong with the study's servers as they answer now; samples are not asked for."""
    for name, model in study.models.items():
        if isinstance(model.source, Endpoint):
            try:
                key = endpoint.key_of(model.source.settings, name)
            except ValueError:
                continue  # it is a mistake of the model
            if (mistake := endpoint.look(model.source.settings, key)) is not None:
                yield f"models.{name}.endpoint: {mistake}"


TO_BE_SAMPLED = "TO_BE_SAMPLED"
"""Environment variable by which a run tells its jobs which models it is going to sample, or to score."""


def leave_word(models: Iterable[str]) -> None:
    """Tell the jobs that this process starts which models the run is going to sample."""
    os.environ[TO_BE_SAMPLED] = json.dumps(sorted(models))


def to_be_sampled(study: Study) -> list[str]:
    """The models that the run is going to sample; all of them where it did not say."""
    return json.loads(os.environ.get(TO_BE_SAMPLED, json.dumps(list(study.models))))


def load_problems(study: Study, task: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], TaskData]:
    """The prompts and the problems of a task, from its dataset; and where they come from.

    Raises:
        ValueError: they cannot be made, or not be verified.
        NotThere: the dataset cannot be had.
        RuntimeError: the verifier is not prepared.
    """
    about = study.tasks[task]
    if about.verifier is not None:
        lean = verification.Lean(**study.verification.lean.model_dump())
        verification.load(about.verifier).check_setup(verification.Settings(lean=lean))
    data = TaskData(about, study.results)
    other_ids = any(isinstance(model.source, Outcomes) and task in model.tasks for model in study.models.values())
    with told_of(task):
        prompts = build_prompts(about, data, other_ids)
        return prompts, build_problems(prompts, about, data), data


def read_problems(files: Mapping[str, str]) -> dict[str, Problems]:
    """Problems by task, from the problems file of each."""
    return {
        task: {row["problem_id"]: row for row in read_rows(file, ["problem_id", "prompt", "question"])}
        for task, file in files.items()
    }
