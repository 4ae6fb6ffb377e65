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

        from monkeys import kept
        from monkeys.progress import progress_note
        from monkeys.rewards.reward import RewardModelConfig
        from monkeys.rewards.shard import score_shard
        from monkeys.usage import record_usage

        name = snakemake.wildcards.reward
        # How a model is executed is read from the config, not from the params: it invalidates nothing.
        config = snakemake.config["rewards"][name]
        commit = json.loads(Path(snakemake.input.weights[0]).read_text())["commit"]
        with (
            record_usage(snakemake.log[0], snakemake.rule, snakemake.wildcards, snakemake.threads, snakemake.resources),
            progress_note(snakemake.log[0]) as note,
        ):
            score_shard(
                problems=snakemake.input.problems,
                samples=snakemake.input.samples,
                rewards=snakemake.output[0],
                journal=snakemake.params.journal,
                reward=RewardModelConfig.of(name, config, commit),
                console=console,
                note=note,
                results=snakemake.config["results"],
            )
        kept.keep(snakemake.config["results"], snakemake.output[0])
        Path(snakemake.params.journal).unlink()  # what Snakemake may still do to the output, a second name survives
