"""Checks before the first sample, for mistakes in a study that would otherwise show on a node or after sampling.

Models are checked where Snakemake runs, without their weights. What their small files do not show is left to the job.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from monkeys import hub, verification
from monkeys.hub import NotAvailable
from monkeys.rewards.reward import RewardModelConfig
from monkeys.sampling import weights
from monkeys.sampling.engines import server
from monkeys.sampling.tokens import ChatTemplateError, PromptEncoder, refuse_overlong
from monkeys.sources.endpoint import Endpoint
from monkeys.sources.outcomes import Outcomes
from monkeys.sources.weights import Weights
from monkeys.storage import read_rows
from monkeys.study import Study
from monkeys.study.study import SourcedModel
from monkeys.tasks.problems import build_problems, build_prompts, naming_task
from monkeys.tasks.rows import TaskData
from monkeys.tasks.task import Row

Problems = Mapping[str, Mapping[str, Any]]
"""Rows of a problems file, by problem id."""


@dataclass
class Findings:
    """Result of checking a model; `mistakes` stop the study, `warnings` do not."""

    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    context: int | None = None
    """Maximum tokens of prompt and sample together; None if unknown."""
    lengths: dict[str, dict[str, int]] = field(default_factory=dict)
    """Length of every prompt in tokens, by task and problem."""


def check_model(study: Study, model: str, problems: Mapping[str, Problems]) -> Findings:
    """Check whether a model can be sampled, and its samples scored, as the study asks.

    Args:
        config: The study.
        model: The model's name.
        problems: The problems of its tasks, or of some of them.

    Returns:
        All mistakes at once.
    """
    findings = Findings()
    about = study.models[model]
    if isinstance(about.source, Weights):
        _check_weights(findings, study, model, problems)
    if isinstance(about.source, Endpoint):
        try:
            server.key_of(about.source.settings, model)
        except ValueError as mistake:
            findings.mistakes.append(str(mistake))
    for name in study.rewards:
        scored = [task for task in problems if study.scored(name, task, model)]
        if scored:
            _check_reward(findings, study, name, {task: problems[task] for task in scored})
    return findings


def check_models(study: Study, problems: Mapping[str, Mapping[str, Problems]], console: TextIO) -> None:
    """Check that models can be sampled; print warnings.

    Args:
        config: The study.
        problems: By model and task.
        console: Where warnings are printed.

    Raises:
        ValueError: one line for each mistake in any of the models.
    """
    findings = [check_model(study, model, by_task) for model, by_task in problems.items()]
    for warning in dict.fromkeys(warning for found in findings for warning in found.warnings):
        print(f"WARNING {warning}", file=console)
    if mistakes := dict.fromkeys(mistake for found in findings for mistake in found.mistakes):
        raise ValueError("\n".join(mistakes))


def _check_weights(findings: Findings, study: Study, model: str, problems: Mapping[str, Problems]) -> None:
    about = study.models[model]
    engine = about.engine
    folder = _config_folder(
        findings, study, f"models.{model}", about.source.settings, about.revision, engine.trust_remote_code
    )
    if folder is None:
        return
    findings.context = engine.max_model_len or context_length(folder)
    prompts = {task: {problem: row["prompt"] for problem, row in rows.items()} for task, rows in problems.items()}
    room = {
        task: findings.context - study.sampling(task, model).max_tokens
        for task in problems
        if findings.context is not None and about.on_context_overflow == "error"
    }
    try:
        findings.lengths = _prompt_lengths(folder, prompts, room, about, model)
    except ChatTemplateError as mistake:
        findings.mistakes.append(str(mistake))
    except Exception as error:  # vLLM supports some tokenizers that transformers does not
        findings.warnings.append(
            f"models.{model}.weights: its tokenizer cannot be loaded here, so its prompts were not checked ({error})"
        )
    for task, limit in room.items():
        max_tokens = study.sampling(task, model).max_tokens
        try:
            refuse_overlong(findings.lengths.get(task, {}), limit + max_tokens, task, model, max_tokens)
        except ValueError as mistake:
            findings.mistakes.append(str(mistake))


def _config_folder(
    findings: Findings, study: Study, where: str, name: str, revision: str | None, trust_remote_code: bool
) -> Path | None:
    """Folder with a model's config and tokenizer; None, and a mistake in `findings`, if they cannot be obtained."""
    try:
        commit = hub.commit_of("model", name, revision, study.results)
        return weights.fetch_config_files(name, commit, trust_remote_code)
    except NotAvailable as mistake:
        findings.mistakes.append(f"{where}.weights: {mistake}")
        return None


def context_length(folder: Path) -> int | None:
    """Context length in a model's config.json; None if it is not stated or RoPE scaling may extend it."""
    config = json.loads((folder / "config.json").read_text())
    config |= config.get("text_config", {})
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if rope.get("rope_type", rope.get("type", "default")) not in ("default", "llama3"):
        return None
    return next((config[name] for name in weights.FACTS["context"] if config.get(name) is not None), None)


def _prompt_lengths(
    folder: Path, prompts: Mapping[str, Mapping[str, str]], room: Mapping[str, int], about: SourcedModel, model: str
) -> dict[str, dict[str, int]]:
    """Length of every prompt in tokens, by task and problem.

    The library `tokenizers` encodes a text almost like transformers, which takes seconds to import. Only if a prompt
    seems too long (more tokens than `room` has for its task) is it encode_prompts again with transformers.
    """
    file = folder / "tokenizer.json"
    if file.is_file() and about.conversation is None:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_truncation()
        lengths = {
            task: dict(zip(texts, (len(e.ids) for e in tokenizer.encode_batch(list(texts.values()))), strict=True))
            for task, texts in prompts.items()
        }
        if all(max(lengths[task].values()) <= limit for task, limit in room.items()):
            return lengths
    encode = PromptEncoder(_tokenizer(folder, about.engine.trust_remote_code), about.conversation, model)
    return {task: {problem: len(encode(text)) for problem, text in texts.items()} for task, texts in prompts.items()}


def _tokenizer(folder: Path, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)


def _check_reward(findings: Findings, study: Study, name: str, problems: Mapping[str, Problems]) -> None:
    about = study.rewards[name]
    for task, rows in problems.items():
        if missing := [problem for problem, row in rows.items() if row.get(about.context) is None]:
            findings.mistakes.append(
                f"rewards.{name}.context: problem {missing[0]} of task {task} has no {about.context}; "
                f"set tasks.{task}.{about.context}, or choose another context"
            )
    folder = _config_folder(findings, study, f"rewards.{name}", about.weights, about.revision, about.trust_remote_code)
    if folder is None:
        return
    reward = RewardModelConfig.of(name, about, commit=None)
    try:
        if (context := context_length(folder)) is not None:
            reward.token_limit(context)
    except ValueError as mistake:
        findings.mistakes.append(str(mistake))
    if not about.chat:
        return
    try:
        tokenizer = _tokenizer(folder, about.trust_remote_code)
    except Exception as error:
        findings.warnings.append(f"rewards.{name}.weights: its tokenizer cannot be loaded here ({error})")
        return
    try:
        reward.check_chat_template(tokenizer)
    except ValueError as mistake:
        findings.mistakes.append(str(mistake))


def check_servers(study: Study) -> Iterator[str]:
    """Problems with the study's servers as they answer now; no samples are requested."""
    for name, model in study.models.items():
        if isinstance(model.source, Endpoint):
            try:
                key = server.key_of(model.source.settings, name)
            except ValueError:
                continue  # check_model reports it
            if (mistake := server.check_server(model.source.settings, key)) is not None:
                yield f"models.{name}.endpoint: {mistake}"


TO_BE_SAMPLED = "TO_BE_SAMPLED"
"""Environment variable that passes the models that a run will sample or score to its jobs."""


def announce_models(models: Iterable[str]) -> None:
    """Pass the models that the run will sample or score to the jobs that this process starts."""
    os.environ[TO_BE_SAMPLED] = json.dumps(sorted(models))


def models_to_sample(study: Study) -> list[str]:
    """Models that the run will sample or score; all models if it was not announced."""
    return json.loads(os.environ.get(TO_BE_SAMPLED, json.dumps(list(study.models))))


def load_problems(study: Study, task: str) -> tuple[list[Row], list[Row], TaskData]:
    """Prompts and problems of a task, built from its dataset, and the dataset.

    Raises:
        ValueError: they cannot be built or not be verified.
        NotAvailable: the dataset cannot be obtained.
        RuntimeError: the verifier is not ready.
    """
    about = study.tasks[task]
    if about.verifier is not None:
        lean = verification.Lean(**study.verification.lean.model_dump())
        verification.load(about.verifier).check_setup(verification.Settings(lean=lean))
    data = TaskData(about, study.results)
    other_ids = any(isinstance(model.source, Outcomes) and task in model.tasks for model in study.models.values())
    with naming_task(task):
        prompts = build_prompts(about, data, other_ids)
        return prompts, build_problems(prompts, about, data), data


def read_problems(files: Mapping[str, str]) -> dict[str, Problems]:
    """Problems by task, from each task's problems file."""
    return {
        task: {row["problem_id"]: row for row in read_rows(file, ["problem_id", "prompt", "question"])}
        for task, file in files.items()
    }
