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
            (task, model, shard, STUDY.shard_size(task, model))
            for task, model, shard in sampled_shards()
            if STUDY.models[model].source.counts_tokens
        ],
    script:
        "../scripts/check.py"
