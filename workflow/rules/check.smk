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
            (task, model, shard, study.shard_size(config, task, model))
            for task, model, shard in sampled_shards()
            if model in models_from("weights", "endpoint")
        ],
    script:
        "../scripts/check.py"
