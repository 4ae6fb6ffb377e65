# The study's config, checked, and the functions that rules get their inputs, params and resources from.

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
    study,
    verification,
)
from monkeys.reporting import inputs, pairs, registry
from monkeys.reporting.code import code
from monkeys.storage import canonical, digest

try:
    files = workflow.configfiles if workflow.is_main_process else []
    said_twice = [line for file in files for line in study.read(file)]
    study.checked(config)
except study.ConfigError as error:
    # as Snakemake tells of errors, this one would look like one of ours: with the file and line of this one
    print(f"ERROR {error}", file=sys.stderr)
    raise SystemExit(1) from None

if workflow.is_main_process:
    for line in [*said_twice, *study.doubtful(config)]:
        print(f"WARNING {line}", file=sys.stderr)

PAIRS = study.pairs(config)


pathvars:
    results=config["results"],
    logs=f"{config['results']}/logs",


def any_of(names):
    """A wildcard's pattern: exactly one of these names; of none, one that matches nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    task=any_of(config["tasks"]),
    model=any_of(config["models"]),
    shard=r"\d+",
    reward=any_of(config["rewards"]),


def task_of(wildcards):
    return config["tasks"][wildcards.task]


def model_of(wildcards):
    return config["models"][wildcards.model]


def models_from(*sources):
    """Names of the models whose samples or outcomes come from one of these sources."""
    return [
        name
        for name, model in config["models"].items()
        if any(model[source] is not None for source in sources)
    ]


def files_of(dataset):
    """The files of a local dataset; a dataset of the hub is pinned by its revision instead."""
    return sorted(str(file) for file in Path(dataset).rglob("[!.]*") if file.is_file())


def dataset_files(wildcards):
    task = task_of(wildcards)
    datasets = task["dataset"], task["examples"]["dataset"]
    return [file for dataset in datasets if dataset for file in files_of(dataset)]


def published_files(wildcards):
    return files_of(model_of(wildcards)["published"]["dataset"])


def prompt_settings(wildcards):
    return canonical(study.prompt_settings(task_of(wildcards)))


def problem_settings(wildcards):
    return canonical(study.problem_settings(task_of(wildcards)))


def shard_size(wildcards):
    return study.shard_size(config, wildcards.task, wildcards.model)


def distribution(wildcards):
    return canonical(study.distribution(config, wildcards.task, wildcards.model))


JOURNAL = f"{config['results']}/.journal/{{task}}/{{model}}/{{shard}}.jsonl"
"""Where a sampling job records finished requests: no declared output, so that Snakemake never deletes it."""


def gpu_count(wildcards):
    """GPUs of a job: a reward model runs on one, a model on as many as its engine is told."""
    if hasattr(wildcards, "reward"):
        return 1
    return model_of(wildcards)["engine"]["tensor_parallel_size"]


def gpus(wildcards):
    """GPUs to ask for by number; None where the site wants them asked for by `gres`."""
    return None if config["gres"] else gpu_count(wildcards)


def gres(wildcards):
    return f"{config['gres']}:{gpu_count(wildcards)}" if config["gres"] else None


def sampling_threads(wildcards):
    """An engine in the job's own process keeps one core busy; beside it, the feeder and the workers want more."""
    return 4 if model_of(wildcards)["engine"]["separate_process"] else 1


def grown(first, attempt):
    """Request of an attempt: 1, 1.5 and 2 times the first, since the job may have run out."""
    return math.ceil(first * (1 + attempt) / 2)


def minutes(seconds, attempt):
    """Time to ask for where a job works this long, with half an hour to start; int."""
    return grown(30 + math.ceil(seconds / 60), attempt)


def sampling_memory(wildcards, attempt):
    return grown(model_of(wildcards)["resources"]["mem_mb"], attempt)


def sampling_runtime(wildcards, input, attempt):
    """As configured, or an upper bound from the shard's maximum token count, minutes."""
    runtime = model_of(wildcards)["resources"]["runtime"]
    if runtime is not None:
        return grown(runtime, attempt)
    settings = study.sampling_settings(config, wildcards.task, wildcards.model)
    tokens = rows(input.prompts) * shard_size(wildcards) * settings["max_tokens"]
    return minutes(tokens / sampling.TOKENS_PER_SECOND, attempt)


def scoring_memory(wildcards, attempt):
    return grown(config["rewards"][wildcards.reward]["resources"]["mem_mb"], attempt)


def scoring_runtime(wildcards, attempt):
    return grown(config["rewards"][wildcards.reward]["resources"]["runtime"], attempt)


@functools.cache
def rows(file):
    """How many rows a parquet file has; while it is not there, the resource that asks is one to be decided."""
    with open(file, "rb") as opened:  # its error names the file, as Snakemake wants it
        from pyarrow.parquet import read_metadata

        return read_metadata(opened).num_rows


def weights_of(kind, name):
    """What is fetched of one of the `models` or `rewards`."""
    return {key: config[kind][name][key] for key in ("weights", "revision")}


def fetched(kind, name):
    """The file that says that weights are there.

    Its name tells which weights, so that other weights draw samples anew, and the same ones fetched again do not.
    """
    which = digest(weights_of(kind, name))[:12]
    return [ancient(f"<results>/{kind}/{name}.{which}.fetched")]


def model_weights(wildcards):
    return canonical(weights_of("models", wildcards.model))


def reward_weights(wildcards):
    return canonical(weights_of("rewards", wildcards.reward))


def fetched_weights(wildcards):
    """The file that says that a model's weights are there, if it has any."""
    if wildcards.model in models_from("weights"):
        return fetched("models", wildcards.model)
    return []


def fetched_reward(wildcards):
    return fetched("rewards", wildcards.reward)


def reward_settings(wildcards):
    """What rewards depend on beside the samples."""
    reward = config["rewards"][wildcards.reward]
    keys = ("weights", "revision", "chat", "max_length")
    return canonical({key: reward[key] for key in keys} | {"about": reward["context"]})


REWARDS = "<results>/rewards/{task}/{model}/{reward}/{shard}.parquet"

REWARD_JOURNAL = f"{config['results']}/.journal/rewards/{{task}}/{{model}}/{{reward}}/{{shard}}.jsonl"
"""Where a scoring job records its rewards, as `JOURNAL`."""


def rewards_of(wildcards):
    """The rewards that the samples of a task and model have, `logprob` among them."""
    return pairs.rewards_of(config, wildcards.task, wildcards.model)


def reward_models_of(wildcards):
    """The reward models that score the samples of a task and model."""
    return [name for name in rewards_of(wildcards) if name in config["rewards"]]


def logistic_rewards(wildcards):
    """Those of them whose rewards are logits."""
    return [
        name
        for name in reward_models_of(wildcards)
        if config["rewards"][name]["logistic"]
    ]


def has_votes(wildcards):
    return pairs.has_votes(config, wildcards.task, wildcards.model)


def every_reward(wildcards):
    """The rewards of all shards of a task and model, by all its reward models."""
    return expand(
        REWARDS,
        **wildcards,
        reward=reward_models_of(wildcards),
        shard=study.shards(config, wildcards.task, wildcards.model),
    )


def samples_for_logprob(wildcards):
    """The samples of all shards, if they say how likely they were."""
    if pairs.LOGPROB in rewards_of(wildcards):
        return shards_of("samples")(wildcards)
    return []


def known_facts(wildcards):
    return canonical(model_of(wildcards)["facts"])


def requests_at_once(wildcards):
    return model_of(wildcards)["endpoint"]["concurrency"]


def published_problems(wildcards):
    """The problems to import, where the config lists them; None takes all that were published."""
    problems = task_of(wildcards)["problems"]
    return problems if isinstance(problems, list) else None


def verifier_of(wildcards):
    return task_of(wildcards)["verifier"]


def verifier_version(wildcards):
    return verification.load(verifier_of(wildcards)).version


def verification_settings(wildcards):
    """What verdicts depend on beside the verifier and its version."""
    task = task_of(wildcards)
    settings = {key: task[key] for key in ("limits", "second_opinion")}
    if verification.load(task["verifier"]).lists:
        settings["lists"] = task["lists"]
    if task["verifier"] == "lean":
        lean = config["verification"]["lean"]
        settings |= {key: lean[key] for key in ("toolchain", "header")}
    return canonical(settings)


def verification_threads(wildcards):
    """As many as the verifier makes use of; every distinct answer on which two graders are asked keeps one busy."""
    task = task_of(wildcards)
    return 8 if task["second_opinion"] else verification.load(task["verifier"]).threads


def verification_memory(wildcards, threads, attempt):
    """MiB for the job itself and for what it runs at once."""
    task = task_of(wildcards)
    resident = verification.load(task["verifier"]).resident_mb
    return grown(2000 + threads * (resident or task["limits"]["memory_mb"]), attempt)


def verification_runtime(wildcards, input, threads, attempt):
    """By the number of samples: a job that is ended begins anew."""
    if hasattr(wildcards, "shard"):
        samples = rows(input.problems) * shard_size(wildcards)
    else:
        samples = rows(input.samples)
    seconds = verification.load(verifier_of(wildcards)).seconds
    return minutes(samples * seconds / threads, attempt)


def outcomes_file(wildcards):
    return study.outcomes_of(model_of(wildcards), wildcards.task)[0]


def outcomes_layout(wildcards):
    """How the file with a model's outcomes is to be read."""
    return canonical(study.outcomes_of(model_of(wildcards), wildcards.task)[1:])


def demo_prompts(wildcards):
    """The demo study's prompt templates: the models learn to continue exactly these."""
    return {
        f"{task}_prompt": config["tasks"][task]["prompt"]
        for task in ("arithmetic", "programs")
    }


def shards_of(stage):
    """An input function: the files of all shards of a task and model."""

    def files(wildcards):
        return [
            f"<results>/{stage}/{wildcards.task}/{wildcards.model}/{shard}.parquet"
            for shard in study.shards(config, wildcards.task, wildcards.model)
        ]

    return files


def verdicts_that_count(wildcards):
    """The verdicts of all shards of a task and model: ours, or those that came with published samples."""
    return shards_of(study.verdict_stage(config, wildcards.model))(wildcards)


def sampled_shards():
    """All (task, model, shard) of the study that have samples."""
    return [
        (task, model, shard)
        for task, model in PAIRS
        if model not in models_from("outcomes")
        for shard in study.shards(config, task, model)
    ]


def every_sample():
    """The samples of all shards of the study."""
    return [
        f"<results>/samples/{task}/{model}/{shard}.parquet"
        for task, model, shard in sampled_shards()
    ]


def every_verdict():
    """The verdicts that count, of all shards of the study."""
    return [
        f"<results>/{study.verdict_stage(config, model)}/{task}/{model}/{shard}.parquet"
        for task, model, shard in sampled_shards()
    ]


def one_shard(stage):
    """The first shard of each task and model that has samples, or verdicts of ours: all were made alike."""
    return [
        f"<results>/{stage}/{task}/{model}/0.parquet"
        for task, model in PAIRS
        if model not in models_from("outcomes")
        and (stage == "samples" or study.verdict_stage(config, model) == stage)
    ]


def every_pair(stage, ending):
    """One file for every task and model of the study."""
    return [f"<results>/{stage}/{task}/{model}.{ending}" for task, model in PAIRS]


def asked_for(function):
    """An input function: the files behind what this function of a result asks for."""

    def files(wildcards):
        if registry.reason(wildcards.result, config) is not None:
            return {}  # the job will say so
        found = inputs.files_of(wildcards.result, function, config)
        explains = {name for name in found if inputs.of(name).ancient}
        return {
            name: [ancient(file) for file in files] if name in explains else files
            for name, files in found.items()
        }

    return files


def settings_of(function):
    """The settings that a function of a result asks for."""

    def settings(wildcards):
        if registry.reason(wildcards.result, config) is not None:
            return ""
        return canonical(inputs.settings_of(wildcards.result, function, config))

    return settings


def code_of(script, function=None):
    """The digest of the code that a script runs, and with it a function of the job's result."""

    def digest_of_code(wildcards):
        result = [(f"monkeys.results.{wildcards.result}", function)] if function else []
        return code((f"scripts.{script}", "*"), *result)

    return digest_of_code


def caption(kind):
    """The caption of a result's table or figure."""

    def caption(wildcards):
        text = getattr(registry.load(wildcards.result), kind)
        return text(config) if callable(text) else text

    return caption


def category(wildcards):
    """Where the report shows a result."""
    return registry.load(wildcards.result).CATEGORY


def label(kind):
    """What the report calls a result. Labels of one category must form a full grid, or its page fails."""
    return lambda wildcards: {"shows": f"{wildcards.result.replace('_', ' ')} ({kind})"}


def tables():
    return expand(
        "<results>/tables/{result}.{ending}",
        result=registry.made("tabulate", config),
        ending=["csv", "md"],
    )


def figures():
    return expand(
        "<results>/figures/{result}.{ending}",
        result=registry.made("draw", config),
        ending=["pdf", "png"],
    ) + ["<results>/figures/explorer.html"]


def refuse_what_slurm_would():
    """End the run before its first job if Slurm would refuse jobs, or let them wait, without a word."""
    if workflow.executor_plugin.name != "slurm":
        return
    jobs = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
    requests = [
        slurm.Request(
            comment=slurm.job_comment(job.name, job.wildcards),
            # what cannot be known yet has a placeholder
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


def look_before_sampling():
    """End the run before its first job if a model cannot be sampled, or its samples not be scored, as the study says.

    Where problems are made in this run, it is looked at there.
    """
    from monkeys import preflight  # takes more imports than a plan should

    jobs = list(workflow.dag.needrun_jobs())
    made = {job.wildcards.task for job in jobs if job.name in ("prompts", "problems")}
    drawing = [
        job for job in jobs if job.name in ("sample", "request_samples", "score")
    ]
    preflight.announce_models({job.wildcards.model for job in drawing})
    tasks = {}
    for job in drawing:
        file = f"{config['results']}/problems/{job.wildcards.task}.parquet"
        if job.wildcards.task not in made and os.path.exists(file):
            tasks.setdefault(job.wildcards.model, {})[job.wildcards.task] = file
    problems = {model: preflight.read_problems(files) for model, files in tasks.items()}
    try:
        preflight.check_models(config, problems, sys.stderr)
    except ValueError as mistakes:
        raise WorkflowError(f"nothing was started:\n{mistakes}") from None


def keep_finished():
    """See that nothing finished is lost to a job that is about to make it anew."""
    results = config["results"]
    for task, model, shard in sampled_shards():
        scored = [f"rewards/{task}/{model}/{reward}" for reward in config["rewards"]]
        for folder in (f"samples/{task}/{model}", f"verdicts/{task}/{model}", *scored):
            file = f"{results}/{folder}/{shard}.parquet"
            try:
                if os.path.exists(file) and os.stat(file).st_nlink < 2:
                    kept.keep(results, file)
            except ValueError as damage:
                print(f"WARNING {damage}", file=sys.stderr)


def cancel_what_is_left():
    """After an interrupt; without it, all jobs of a run have ended when the run does."""
    executor = workflow.scheduler._executor
    if hasattr(executor, "run_uuid"):
        clusters = executor._submitted_job_clusters
        slurm.cancel(executor.run_uuid, *["--clusters=all"] if clusters else [])


def opening_page():
    """What the report opens with: the study's overview once it is there."""
    page = Path(config["results"], "overview.rst").absolute()
    return str(page if page.is_file() else ROOT / "workflow/report/workflow.rst")


SCREEN = console.Screen(
    workflow.logger_manager.logger,
    workflow.output_settings,
    wanted=workflow.is_main_process and workflow.modifier.is_main_snakefile(),
)
"""What a person sees of a run."""


def problems_counted(task):
    """How many problems a task has, as soon as that is known."""
    prompts = f"{config['results']}/problems/{task}.prompts.parquet"
    return rows(prompts) if Path(prompts).exists() else None


def jobs_to_run():
    return console.jobs_of(workflow.dag, shard_size)


def here(files):
    """Files as one would type them."""
    return " ".join(os.path.relpath(file) for file in files)


def show_start(log):
    """Show what a run does, stage by stage; calmly where it may take days."""
    where = (
        f"{workflow.cores} cores"
        if workflow.local_exec
        else workflow.executor_plugin.name
    )
    title = f"of study {config['study']} on {where}; Snakemake's log: {here(log)}"
    SCREEN.start(jobs_to_run, problems_counted, not workflow.local_exec, title)


def what_there_is():
    """What to look at and what to type after a run of the whole study; nothing after a part of it.

    `make demo` says it later, when the report is there, too.
    """
    whole = any(job.name == "all" for job in workflow.dag.jobs)
    if not whole or os.environ.get("CLOSING") == "later":
        return ""
    options = [
        f"--configfile {here([file])}" for file in workflow.overwrite_configfiles
    ]
    return console.closing_summary(config["results"], " ".join(options))


def show_end(succeeded, log):
    SCREEN.end(succeeded, here(log), what_there_is)
