# Checks before any GPU is requested.


rule check:
    """Check the whole study without sampling and print an estimate of its cost; runs only on request."""
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
