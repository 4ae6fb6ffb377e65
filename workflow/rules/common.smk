# The validated config, and the functions that compute inputs, params and resources of rules.

import functools
import json
import math
import os
import re
import sys
from pathlib import Path

from snakemake.common.tbdstring import TBDString
from snakemake.exceptions import WorkflowError

# the checkout, even if another workflow uses this one as a module
ROOT = Path(workflow.current_basedir).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from monkeys import (
    console,
    kept,
    rewards,
    sampling,
    slurm,
    verification,
)
from monkeys.reporting import inputs, pairs, registry
from monkeys.reporting.code import code_digest
from monkeys.sources.paths import files_below
from monkeys.storage import canonical, digest
from monkeys.study import ConfigError, Study
from monkeys.study.files import duplicate_keys

try:
    files = workflow.configfiles if workflow.is_main_process else []
    duplicates = [line for file in files for line in duplicate_keys(file)]
    STUDY = Study.load(config)
except ConfigError as error:
    # if raised, Snakemake would report it as an error in this file, at this line
    print(f"ERROR {error}", file=sys.stderr)
    raise SystemExit(1) from None

if workflow.is_main_process:
    for line in [*duplicates, *STUDY.doubts()]:
        print(f"WARNING {line}", file=sys.stderr)

config.update(STUDY.model_dump())  # jobs see every default

PAIRS = STUDY.pairs()


pathvars:
    results=STUDY.results,
    logs=f"{STUDY.results}/logs",


def any_of(names):
    """Wildcard pattern that matches exactly these names; without names, it matches nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    task=any_of(STUDY.tasks),
    model=any_of(STUDY.models),
    shard=r"\d+",
    reward=any_of(STUDY.rewards),


def task_of(wildcards):
    return STUDY.tasks[wildcards.task]


def model_of(wildcards):
    return STUDY.models[wildcards.model]


def models_of_rule(rule):
    """Names of models whose samples come from this rule, or from none: outcomes without samples."""
    return [name for name, model in STUDY.models.items() if model.source.rule == rule]


def models_with_samples():
    return [name for name, model in STUDY.models.items() if model.source.has_samples]


def prompted_pairs():
    """All (task, model) of models that are sampled here."""
    return [
        (task, model)
        for task, model in PAIRS
        if STUDY.models[model].source.counts_tokens
    ]


def dataset_files(wildcards):
    task = task_of(wildcards)
    datasets = task.dataset, task.examples.dataset
    return [file for dataset in datasets if dataset for file in files_below(dataset)]


def imported_files(wildcards):
    return model_of(wildcards).source.files(wildcards.task)


def prompt_settings(wildcards):
    return canonical(task_of(wildcards).prompt_settings())


def problem_settings(wildcards):
    return canonical(task_of(wildcards).problem_settings())


def guess_settings(wildcards):
    task = task_of(wildcards)
    return canonical(task.problem_settings() | {"guesses": task.guesses})


def shard_size(wildcards):
    return STUDY.shard_size(wildcards.task, wildcards.model)


def distribution(wildcards):
    return canonical(STUDY.distribution(wildcards.task, wildcards.model))


JOURNAL = f"{STUDY.results}/.journal/{{task}}/{{model}}/{{shard}}.jsonl"
"""Journal of finished requests of a sampling job; not a declared output, so that Snakemake never deletes it."""


def gpu_count(wildcards):
    """GPUs of a job: one for a reward model, tensor_parallel_size for a sampled model."""
    if hasattr(wildcards, "reward"):
        return 1
    return model_of(wildcards).engine.tensor_parallel_size


def gpus(wildcards):
    """GPUs to request by number; None if the site requests them by `gres`."""
    return None if STUDY.gres else gpu_count(wildcards)


def gres(wildcards):
    return f"{STUDY.gres}:{gpu_count(wildcards)}" if STUDY.gres else None


def sampling_threads(wildcards):
    """One for an engine in the job's own process; more for a separate engine process with its feeder and workers."""
    return 4 if model_of(wildcards).engine.separate_process else 1


def scaled(first, attempt):
    """Request of an attempt: 1, 1.5 and 2 times the first, since the job may have run out."""
    return math.ceil(first * (1 + attempt) / 2)


def minutes(seconds, attempt):
    """Run time to request for this much work plus half an hour of start-up, minutes, int."""
    return scaled(30 + math.ceil(seconds / 60), attempt)


def sampling_memory(wildcards, attempt):
    return scaled(model_of(wildcards).resources.mem_mb, attempt)


def sampling_runtime(wildcards, input, attempt):
    """Configured run time, or an upper bound from the shard's maximum token count, minutes."""
    runtime = model_of(wildcards).resources.runtime
    if runtime is not None:
        return scaled(runtime, attempt)
    settings = STUDY.sampling(wildcards.task, wildcards.model)
    tokens = num_rows(input.prompts) * shard_size(wildcards) * settings.max_tokens
    return minutes(tokens / sampling.TOKENS_PER_SECOND, attempt)


def scoring_memory(wildcards, attempt):
    return scaled(STUDY.rewards[wildcards.reward].resources.mem_mb, attempt)


def scoring_runtime(wildcards, attempt):
    return scaled(STUDY.rewards[wildcards.reward].resources.runtime, attempt)


@functools.cache
def num_rows(file):
    """Number of rows of a parquet file; while it is missing, Snakemake postpones the resource (<TBD>)."""
    with open(
        file, "rb"
    ) as opened:  # raises the FileNotFoundError that Snakemake expects, with the file's name
        from pyarrow.parquet import read_metadata

        return read_metadata(opened).num_rows


def weights_of(kind, name):
    """Weights and revision to fetch for one of the `models` or `rewards`."""
    settings = getattr(STUDY, kind)[name]
    return {key: getattr(settings, key) for key in ("weights", "revision")}


def fetched_marker(kind, name):
    """Marker file of fetched weights.

    Its name has a digest of the weights, so that other weights trigger resampling, but fetching the same ones again
    does not.
    """
    which = digest(weights_of(kind, name))[:12]
    return [ancient(f"<results>/{kind}/{name}.{which}.fetched")]


def model_weights(wildcards):
    return canonical(weights_of("models", wildcards.model))


def reward_weights(wildcards):
    return canonical(weights_of("rewards", wildcards.reward))


def fetched_weights(wildcards):
    """Marker file of a model's fetched weights, if it has weights."""
    if wildcards.model in models_of_rule("sample"):
        return fetched_marker("models", wildcards.model)
    return []


def fetched_reward(wildcards):
    return fetched_marker("rewards", wildcards.reward)


def reward_settings(wildcards):
    """Settings that rewards depend on, besides the samples."""
    reward = STUDY.rewards[wildcards.reward]
    keys = ("weights", "revision", "chat", "max_length")
    return canonical(
        {key: getattr(reward, key) for key in keys} | {"about": reward.context}
    )


REWARDS = "<results>/rewards/{task}/{model}/{reward}/{shard}.parquet"

REWARD_JOURNAL = (
    f"{STUDY.results}/.journal/rewards/{{task}}/{{model}}/{{reward}}/{{shard}}.jsonl"
)
"""Journal of a scoring job; like `JOURNAL`, not a declared output."""


def rewards_of(wildcards):
    """Names of the rewards of a task and model's samples, including `logprob`."""
    return pairs.rewards_of(STUDY, wildcards.task, wildcards.model)


def reward_models_of(wildcards):
    """Names of the reward models that score a task and model's samples."""
    return [name for name in rewards_of(wildcards) if name in STUDY.rewards]


def logistic_rewards(wildcards):
    """Names of the reward models among these whose rewards are logits."""
    return [
        name for name in reward_models_of(wildcards) if STUDY.rewards[name].logistic
    ]


def has_votes(wildcards):
    return pairs.has_votes(STUDY, wildcards.task, wildcards.model)


def reward_files(wildcards):
    """Rewards files of all shards and reward models of a task and model."""
    return expand(
        REWARDS,
        **wildcards,
        reward=reward_models_of(wildcards),
        shard=STUDY.shards(wildcards.task, wildcards.model),
    )


def samples_for_logprob(wildcards):
    """Samples files of all shards, if samples have log-probabilities."""
    if pairs.LOGPROB in rewards_of(wildcards):
        return shard_files("samples")(wildcards)
    return []


def known_facts(wildcards):
    return canonical(model_of(wildcards).facts.model_dump())


def concurrent_requests(wildcards):
    return model_of(wildcards).source.settings.concurrency


def published_problems(wildcards):
    """Ids of the problems to import if the config lists them; None for all published ones."""
    problems = task_of(wildcards).problems
    return problems if isinstance(problems, list) else None


def verifier_of(wildcards):
    return task_of(wildcards).verifier


def verifier_version(wildcards):
    return verification.load(verifier_of(wildcards)).version


def verification_settings(wildcards):
    """Settings that verdicts depend on, besides the verifier and its version."""
    task = task_of(wildcards)
    settings = task.model_dump(include={"limits", "second_opinion"})
    if verification.load(task.verifier).lists:
        settings["lists"] = task.lists
    if task.verifier_options:
        settings["options"] = task.verifier_options
    if task.verifier == "lean":
        settings |= STUDY.verification.lean.model_dump(include={"toolchain", "header"})
    return canonical(settings)


def verification_threads(wildcards):
    """Maximum useful number of threads; with a second opinion, every distinct answer keeps one busy."""
    task = task_of(wildcards)
    return 8 if task.second_opinion else verification.load(task.verifier).threads


def verification_memory(wildcards, threads, attempt):
    """Memory of the job and of the programs or graders that it runs concurrently, MiB."""
    task = task_of(wildcards)
    resident = verification.load(task.verifier).resident_mb
    return scaled(2000 + threads * (resident or task.limits.memory_mb), attempt)


def verification_runtime(wildcards, input, threads, attempt):
    """Estimate from the number of samples, since a job that exceeds its time limit restarts from scratch, minutes."""
    if hasattr(wildcards, "shard"):
        samples = num_rows(input.problems) * shard_size(wildcards)
    else:
        samples = num_rows(input.samples)
    seconds = verification.load(verifier_of(wildcards)).seconds
    return minutes(samples * seconds / threads, attempt)


def outcomes_file(wildcards):
    return model_of(wildcards).source.file(wildcards.task).file


def outcomes_layout(wildcards):
    """Layout of a model's outcomes file."""
    file = model_of(wildcards).source.file(wildcards.task)
    return canonical((file.columns, file.where))


def demo_prompts(wildcards):
    """Prompt templates of the demo study, which its models are trained to continue."""
    return {
        f"{task}_prompt": STUDY.tasks[task].prompt
        for task in ("arithmetic", "programs")
    }


def shard_files(stage):
    """Input function for the files of all shards of a task and model."""

    def files(wildcards):
        return [
            f"<results>/{stage}/{wildcards.task}/{wildcards.model}/{shard}.parquet"
            for shard in STUDY.shards(wildcards.task, wildcards.model)
        ]

    return files


def verdict_stage(model):
    """Folder of the verdicts that count: `verdicts` (ours), or `published` (those that came with the samples)."""
    return "verdicts" if STUDY.models[model].source.verified else "published"


def verdict_files(wildcards):
    """Verdicts files of all shards of a task and model: ours, or those published with the samples."""
    return shard_files(verdict_stage(wildcards.model))(wildcards)


def sampled_shards():
    """All (task, model, shard) of the study with samples."""
    return [
        (task, model, shard)
        for task, model in PAIRS
        if STUDY.models[model].source.has_samples
        for shard in STUDY.shards(task, model)
    ]


def all_samples_files():
    """Samples files of all shards of the study."""
    return [
        f"<results>/samples/{task}/{model}/{shard}.parquet"
        for task, model, shard in sampled_shards()
    ]


def all_verdicts_files():
    """Verdicts files of all shards of the study, as in `verdict_files`."""
    return [
        f"<results>/{verdict_stage(model)}/{task}/{model}/{shard}.parquet"
        for task, model, shard in sampled_shards()
    ]


def one_shard(stage):
    """First file of each task and model with samples or our verdicts; all its shards have the same settings."""
    return [
        f"<results>/{stage}/{task}/{model}/0.parquet"
        for task, model in PAIRS
        if STUDY.models[model].source.has_samples
        and (stage == "samples" or verdict_stage(model) == stage)
    ]


def every_pair(stage, suffix):
    """One file for every task and model of the study."""
    return [f"<results>/{stage}/{task}/{model}.{suffix}" for task, model in PAIRS]


def result_inputs(function):
    """Input function for the files that this function of a result needs."""

    def files(wildcards):
        if registry.missing_reason(wildcards.result, STUDY) is not None:
            return {}  # the job reports the reason
        found = inputs.files_of(wildcards.result, function, STUDY)
        explanatory = {name for name in found if inputs.find(name).ancient}
        return {
            name: [ancient(file) for file in files] if name in explanatory else files
            for name, files in found.items()
        }

    return files


def result_settings(function):
    """Param function for the settings that this function of a result needs."""

    def settings(wildcards):
        if registry.missing_reason(wildcards.result, STUDY) is not None:
            return ""
        return canonical(inputs.settings_of(wildcards.result, function, STUDY))

    return settings


def code_of(script, function=None):
    """Param function for the digest of the code behind a script and a function of the job's result."""

    def digest_of_code(wildcards):
        result = [(f"monkeys.results.{wildcards.result}", function)] if function else []
        return code_digest((f"scripts.{script}", "*"), *result)

    return digest_of_code


def caption(kind):
    """Param function for the caption of a result's table or figure."""

    def caption(wildcards):
        text = getattr(registry.load(wildcards.result), kind)
        return text(STUDY) if callable(text) else text

    return caption


def category(wildcards):
    """Category of the report that shows a result."""
    return registry.load(wildcards.result).CATEGORY


def label(kind):
    """Label of a result in the report. Labels of one category must form a full grid, or its page fails."""
    return lambda wildcards: {"shows": f"{wildcards.result.replace('_', ' ')} ({kind})"}


def tables():
    return expand(
        "<results>/tables/{result}.{ending}",
        result=registry.default_results("tabulate", STUDY),
        ending=["csv", "md"],
    )


def figures():
    return expand(
        "<results>/figures/{result}.{ending}",
        result=registry.default_results("draw", STUDY),
        ending=["pdf", "png"],
    ) + ["<results>/figures/explorer.html"]


def check_slurm_requests():
    """Abort before the first job if Slurm would reject jobs or leave them pending forever."""
    if workflow.executor_plugin.name != "slurm":
        return
    jobs = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
    requests = [
        slurm.Request(
            comment=slurm.job_comment(job.name, job.wildcards),
            # values that are not known yet are placeholders
            resources={
                name: value
                for name, value in job.resources.items()
                if not isinstance(value, TBDString)
            },
            threads=job.threads,
        )
        for job in jobs
    ]
    settings = workflow.executor_settings
    refused = slurm.preflight_errors(
        requests,
        settings.status_command,
        settings.init_seconds_before_status_checks,
        Path.cwd(),
    )
    if refused := list(refused):
        raise WorkflowError("nothing was submitted:\n" + "\n".join(refused))


def check_before_sampling():
    """Abort before the first job if a model cannot be sampled, or its samples not be scored, as configured.

    For tasks whose problems are built in this run, the rule `prompts` checks it.
    """
    from monkeys import preflight  # slow to import, so not while planning

    jobs = list(workflow.dag.needrun_jobs())
    made = {job.wildcards.task for job in jobs if job.name in ("prompts", "problems")}
    drawing = [
        job for job in jobs if job.name in ("sample", "request_samples", "score")
    ]
    preflight.announce_models({job.wildcards.model for job in drawing})
    tasks = {}
    for job in drawing:
        file = f"{STUDY.results}/problems/{job.wildcards.task}.parquet"
        if job.wildcards.task not in made and os.path.exists(file):
            tasks.setdefault(job.wildcards.model, {})[job.wildcards.task] = file
    problems = {model: preflight.read_problems(files) for model, files in tasks.items()}
    try:
        preflight.check_models(STUDY, problems, sys.stderr)
    except ValueError as mistakes:
        raise WorkflowError(f"nothing was started:\n{mistakes}") from None


def keep_finished_files():
    """Keep finished files under a second name, since Snakemake deletes the outputs of jobs that it reruns."""
    results = STUDY.results
    for task, model, shard in sampled_shards():
        scored = [f"rewards/{task}/{model}/{reward}" for reward in STUDY.rewards]
        for folder in (f"samples/{task}/{model}", f"verdicts/{task}/{model}", *scored):
            file = f"{results}/{folder}/{shard}.parquet"
            try:
                if os.path.exists(file) and os.stat(file).st_nlink < 2:
                    kept.keep(results, file)
            except ValueError as damage:
                print(f"WARNING {damage}", file=sys.stderr)


def cancel_remaining_jobs():
    """Cancel Slurm jobs left by an interrupt; otherwise, all jobs of a run have ended when it ends."""
    executor = workflow.scheduler._executor
    if hasattr(executor, "run_uuid"):
        clusters = executor._submitted_job_clusters
        slurm.cancel(executor.run_uuid, *["--clusters=all"] if clusters else [])


def opening_page():
    """First page of the report: the study's overview once it exists."""
    page = Path(STUDY.results, "overview.rst").absolute()
    return str(page if page.is_file() else ROOT / "workflow/report/workflow.rst")


SCREEN = console.Screen(
    workflow.logger_manager.logger,
    workflow.output_settings,
    wanted=workflow.is_main_process and workflow.modifier.is_main_snakefile(),
)
"""Terminal output of a run."""


def num_problems(task):
    """Number of problems of a task; None while unknown."""
    prompts = f"{STUDY.results}/problems/{task}.prompts.parquet"
    return num_rows(prompts) if Path(prompts).exists() else None


def jobs_to_run():
    return console.jobs_of(workflow.dag, shard_size)


def relative_paths(files):
    """Paths relative to the working directory, separated by spaces."""
    return " ".join(os.path.relpath(file) for file in files)


def show_start(log):
    """Show the progress of a run by stage; in few, plain lines on a cluster, where it may take days."""
    where = (
        f"{workflow.cores} cores"
        if workflow.local_exec
        else workflow.executor_plugin.name
    )
    title = f"of study {STUDY.study} on {where}; Snakemake's log: {relative_paths(log)}"
    SCREEN.start(jobs_to_run, num_problems, not workflow.local_exec, title)


def closing_message():
    """Results and next commands to show after a run of the whole study; empty after a partial run.

    `make demo` shows it later, after the report is made.
    """
    whole = any(job.name == "all" for job in workflow.dag.jobs)
    if not whole or os.environ.get("CLOSING") == "later":
        return ""
    options = [
        f"--configfile {relative_paths([file])}"
        for file in workflow.overwrite_configfiles
    ]
    return console.closing_summary(STUDY.results, " ".join(options))


def show_end(succeeded, log):
    SCREEN.end(succeeded, relative_paths(log), closing_message)
