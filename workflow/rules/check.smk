# What can be seen before a GPU is asked for.


rule check:
    """Look at the whole study without sampling anything, and print what it will take; asked for by name."""
    log:
        "<logs>/check.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        shards=[
            (task, model, shard, study.shard_size(config, task, model))
            for task, model, shard in sampled_shards()
            if model in models_from("weights", "endpoint")
        ],
    script:
        "../scripts/check.py"
