# Rewards: scores of samples by reward models.


rule fetch_reward:
    """Download a reward model's weights to the Hugging Face cache."""
    output:
        "<results>/rewards/{reward}.{which}.fetched",
    log:
        "<logs>/fetch_reward/{reward}.{which}.log",
    wildcard_constraints:
        which="[0-9a-f]{12}",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        weights=reward_weights,
    script:
        "../scripts/fetch_model.py"


rule score:
    """Score the samples of one shard with a reward model; a killed job resumes from its journal."""
    input:
        samples="<results>/samples/{task}/{model}/{shard}.parquet",
        problems=ancient("<results>/problems/{task}.parquet"),
        weights=fetched_reward,
    output:
        REWARDS,
    log:
        "<logs>/score/{task}/{model}/{reward}/{shard}.log",
    conda:
        "../../envs/sampling.yaml"
    resources:
        gpu=gpus,
        gres=gres,
        mem_mb=scoring_memory,
        runtime=scoring_runtime,
    params:
        reward=reward_settings,
        version=rewards.SCORER_VERSION,
        journal=REWARD_JOURNAL,
    script:
        "../scripts/score.py"
