rule sample:
    """Draw one shard of samples from a model with vLLM; a killed job goes on from its journal."""
    input:
        problems=ancient("<results>/problems/{task}.parquet"),
        prompts="<results>/problems/{task}.prompts",
    output:
        "<results>/samples/{task}/{model}/{shard}.parquet",
    log:
        "<logs>/sample/{task}/{model}/{shard}.log",
    conda:
        "../../envs/sampling.yaml"
    threads: sampling_threads
    resources:
        gpu=gpus,
        mem_mb=16000,
        runtime=240,
    # Only what the distribution of the samples depends on: a changed param draws the shard anew.
    params:
        distribution=distribution,
        seed=config["seed"],
        size=shard_size,
        version=sampling.SAMPLER_VERSION,
        journal=journal,
    script:
        "../scripts/sample.py"
