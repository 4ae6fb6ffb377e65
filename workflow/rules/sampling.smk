# Samples are drawn from a model's weights or a server, or imported from a published dataset.


rule fetch_model:
    """Download a model's weights to the Hugging Face cache."""
    output:
        "<results>/models/{model}.{which}.fetched",
    log:
        "<logs>/fetch_model/{model}.{which}.log",
    wildcard_constraints:
        model=any_of(models_of_rule("sample")),
        which="[0-9a-f]{12}",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        weights=model_weights,
    script:
        "../scripts/fetch_model.py"


rule model_facts:
    """Record a model's size from its files or the study's config."""
    input:
        fetched_weights,
    output:
        "<results>/models/{model}.json",
    log:
        "<logs>/model_facts/{model}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        weights=model_weights,
        facts=known_facts,
    script:
        "../scripts/model_facts.py"


rule sample:
    """Draw one shard of samples from a model with vLLM; a killed job resumes from its journal."""
    input:
        prompts=ancient("<results>/problems/{task}.prompts.parquet"),
        digest="<results>/problems/{task}.prompts",
        weights=fetched_weights,
    output:
        "<results>/samples/{task}/{model}/{shard}.parquet",
    log:
        "<logs>/sample/{task}/{model}/{shard}.log",
    wildcard_constraints:
        model=any_of(models_of_rule("sample")),
    conda:
        "../../envs/sampling.yaml"
    threads: sampling_threads
    resources:
        gpu=gpus,
        gres=gres,
        mem_mb=sampling_memory,
        runtime=sampling_runtime,
    # Only settings that the distribution of the samples depends on: a changed param triggers resampling.
    params:
        distribution=distribution,
        seed=STUDY.seed,
        size=shard_size,
        version=sampling.SAMPLER_VERSION,
        journal=JOURNAL,
    script:
        "../scripts/sample.py"


rule request_samples:
    """Draw one shard of samples from a server; a killed job resumes from its journal.

    Runs on Snakemake's own host, which has network access, as the job mostly waits.
    """
    input:
        prompts=ancient("<results>/problems/{task}.prompts.parquet"),
        digest="<results>/problems/{task}.prompts",
    output:
        "<results>/samples/{task}/{model}/{shard}.parquet",
    log:
        "<logs>/request_samples/{task}/{model}/{shard}.log",
    wildcard_constraints:
        model=any_of(models_of_rule("request_samples")),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    # `--resources requests=N` limits concurrent requests over all shards
    resources:
        requests=concurrent_requests,
    params:
        distribution=distribution,
        seed=STUDY.seed,
        size=shard_size,
        version=sampling.SAMPLER_VERSION,
        journal=JOURNAL,
    script:
        "../scripts/sample.py"


rule import_samples:
    """Import one shard of samples, with their verdicts, from a published dataset."""
    input:
        imported_files,
    output:
        samples="<results>/samples/{task}/{model}/{shard}.parquet",
        verdicts="<results>/published/{task}/{model}/{shard}.parquet",
    log:
        "<logs>/import_samples/{task}/{model}/{shard}.log",
    wildcard_constraints:
        model=any_of(models_of_rule("import_samples")),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        distribution=distribution,
        problems=published_problems,
        size=shard_size,
    script:
        "../scripts/import_samples.py"


rule summary:
    """Print the progress of sampling: samples drawn, rate and remaining time."""
    log:
        "<logs>/summary.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        shards=[
            (task, model, shard, STUDY.shard_size(task, model))
            for task, model, shard in sampled_shards()
        ],
    script:
        "../scripts/summary.py"


rule show_prompts:
    """Print what every model is given for its first problem of every task, with its chat template."""
    input:
        [f"<results>/problems/{task}.prompts.parquet" for task, _ in prompted_pairs()],
    log:
        "<logs>/show_prompts.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=prompted_pairs(),
    script:
        "../scripts/show_prompts.py"
