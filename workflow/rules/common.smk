# The study's config, checked, and the functions that rules get their inputs, params and resources from.

import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

HOUSE = Path(workflow.basedir)
sys.path.insert(0, str(HOUSE / "workflow" / "scripts"))

from monkeys import sampling, study, verification
from monkeys.storage import canonical

try:
    study.checked(config)
except study.ConfigError as error:
    raise WorkflowError(str(error)) from None

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


def task_of(wildcards):
    return config["tasks"][wildcards.task]


def model_of(wildcards):
    return config["models"][wildcards.model]


def sampled(task, model):
    """Whether the pair's tally comes from samples rather than from published counts."""
    return config["models"][model]["weights"] is not None


def package(*names):
    """Modules of the project as inputs: cheap rules run again when the code that they run changes."""
    files = [HOUSE / "workflow" / "scripts" / "monkeys" / name for name in names]
    return [
        str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)
        for file in files
    ]


def dataset_files(wildcards):
    """The files of a local dataset; a dataset of the hub is pinned by its revision instead."""
    folder = Path(task_of(wildcards)["dataset"])
    return sorted(str(file) for file in folder.rglob("[!.]*") if file.is_file())


def problem_settings(wildcards):
    """What decides which problems there are and how they are put."""
    keys = (
        "dataset",
        "revision",
        "subset",
        "split",
        "columns",
        "prompt",
        "question",
        "problems",
    )
    return canonical({key: task_of(wildcards)[key] for key in keys})


def random_subset_seed(wildcards):
    """The study's seed where it decides which problems are chosen."""
    return config["seed"] if isinstance(task_of(wildcards)["problems"], int) else None


def shard_size(wildcards):
    return task_of(wildcards)["shard"]


def distribution(wildcards):
    return canonical(study.distribution(config, wildcards.task, wildcards.model))


def journal(wildcards):
    """Where a sampling job records finished requests: no declared output, so that Snakemake never deletes it."""
    return f"{config['results']}/.journal/{wildcards.task}/{wildcards.model}/{wildcards.shard}.jsonl"


def gpus(wildcards):
    return model_of(wildcards)["engine"]["tensor_parallel_size"]


def sampling_threads(wildcards):
    """An engine in the job's own process keeps one core busy; beside it, the feeder and the workers want more."""
    return 4 if model_of(wildcards)["engine"]["separate_process"] else 1


def verifier_version(wildcards):
    return verification.VERIFIERS[task_of(wildcards)["verifier"]]


def program_limits(wildcards):
    return canonical(task_of(wildcards)["limits"])


def bootstrap():
    """How intervals over problems are drawn."""
    return {
        "draws": config["analysis"]["bootstrap"],
        "confidence": config["analysis"]["confidence"],
        "seed": config["seed"],
    }


def counts_file(wildcards):
    return model_of(wildcards)["outcomes"][wildcards.task]


def demo_prompts(wildcards):
    """The demo study's prompt templates: the models learn to continue exactly these."""
    return {
        f"{task}_prompt": config["tasks"][task]["prompt"]
        for task in ("arithmetic", "programs")
    }


def shards_of(stage):
    """An input function: the files of all shards of a task and model."""

    def files(wildcards):
        return expand(
            f"<results>/{stage}/{{task}}/{{model}}/{{shard}}.parquet",
            shard=study.shards(config, wildcards.task),
            **wildcards,
        )

    return files


def every_shard(stage):
    """The files of all shards of the study."""
    return [
        f"<results>/{stage}/{task}/{model}/{shard}.parquet"
        for task, model in PAIRS
        if sampled(task, model)
        for shard in study.shards(config, task)
    ]


def every_pair(stage, ending):
    """One file for every task and model of the study."""
    return [f"<results>/{stage}/{task}/{model}.{ending}" for task, model in PAIRS]


def tables():
    return expand(
        "<results>/tables/{table}.{ending}",
        table=["coverage", "power_law"],
        ending=["csv", "md"],
    )


def figures():
    return expand(
        "<results>/figures/{figure}.{ending}",
        figure=["coverage", "power_law"],
        ending=["pdf", "png"],
    )
