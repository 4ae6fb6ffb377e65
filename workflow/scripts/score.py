"""Score the samples of one shard with a reward model."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        import json
        import os
        from pathlib import Path

        # Everything was fetched before; a node of a cluster may not even reach the hub.
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["OMP_NUM_THREADS"] = str(snakemake.threads)

        from monkeys.progress import noted
        from monkeys.rewards.reward import Reward
        from monkeys.rewards.shard import score_shard
        from monkeys.usage import usage_noted

        name = snakemake.wildcards.reward
        # How a model is executed is read from the config, not from the params: it invalidates nothing.
        config = snakemake.config["rewards"][name]
        settings = json.loads(snakemake.params.reward) | {
            key: config[key] for key in ("dtype", "batch_tokens", "trust_remote_code")
        }
        settings["commit"] = json.loads(Path(snakemake.input.weights[0]).read_text())["commit"]
        del settings["revision"]  # the branch or tag that the commit was looked up by
        with (
            usage_noted(snakemake.log[0], snakemake.rule, snakemake.wildcards, snakemake.threads, snakemake.resources),
            noted(snakemake.log[0]) as note,
        ):
            score_shard(
                problems=snakemake.input.problems,
                samples=snakemake.input.samples,
                rewards=snakemake.output[0],
                journal=snakemake.params.journal,
                reward=Reward(name=name, **settings),
                console=console,
                note=note,
            )
