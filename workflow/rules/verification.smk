rule verify:
    """Judge the samples of one shard, each distinct text once."""
    input:
        samples="<results>/samples/{task}/{model}/{shard}.parquet",
        problems=ancient("<results>/problems/{task}.parquet"),
        references="<results>/problems/{task}.references",
    output:
        "<results>/verdicts/{task}/{model}/{shard}.parquet",
    log:
        "<logs>/verify/{task}/{model}/{shard}.log",
    conda:
        "../../envs/verification.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        verifier=lookup(within=config, dpath="tasks/{task}/verifier"),
        version=verifier_version,
        limits=program_limits,
        journal=journal,
    script:
        "../scripts/verify.py"
