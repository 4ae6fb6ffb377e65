rule problems:
    """Load a task's dataset and build its prompts; the only rule that may use the network."""
    input:
        dataset_files,
    output:
        problems="<results>/problems/{task}.parquet",
        # What samplers and verifiers see, as digests: a problems file that is built again and says the same
        # invalidates no sample and no verdict, however large it is.
        prompts="<results>/problems/{task}.prompts",
        references="<results>/problems/{task}.references",
    log:
        "<logs>/problems/{task}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=problem_settings,
        seed=random_subset_seed,
    script:
        "../scripts/problems.py"
