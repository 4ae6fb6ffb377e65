rule verify:
    """Verify the samples of one shard, each distinct answer once."""
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
    threads: verification_threads
    resources:
        mem_mb=verification_memory,
        runtime=verification_runtime,
    params:
        verifier=verifier_of,
        version=verifier_version,
        settings=verification_settings,
    script:
        "../scripts/verify.py"


rule known_solutions:
    """Extract the known correct solutions from a task's dataset."""
    input:
        problems="<results>/problems/{task}.parquet",
    output:
        "<results>/known_solutions/{task}.parquet",
    log:
        "<logs>/known_solutions/{task}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/known_solutions.py"


rule verify_known_solutions:
    """Verify known correct solutions in the same way as samples."""
    input:
        samples="<results>/known_solutions/{task}.parquet",
        problems=ancient("<results>/problems/{task}.parquet"),
        references="<results>/problems/{task}.references",
    output:
        "<results>/known_solutions/{task}.verdicts.parquet",
    log:
        "<logs>/verify_known_solutions/{task}.log",
    conda:
        "../../envs/verification.yaml"
    threads: verification_threads
    resources:
        mem_mb=verification_memory,
        runtime=verification_runtime,
    params:
        verifier=verifier_of,
        version=verifier_version,
        settings=verification_settings,
    script:
        "../scripts/verify.py"
