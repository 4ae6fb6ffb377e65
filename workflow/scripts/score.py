"""Score the samples of one shard with a reward model."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        import json
        import os
        from pathlib import Path

        # Weights are already in the cache, and cluster nodes may not reach the hub.
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["OMP_NUM_THREADS"] = str(snakemake.threads)

        from monkeys import kept
        from monkeys.progress import progress_note
        from monkeys.rewards.reward import RewardModelConfig
        from monkeys.rewards.shard import score_shard
        from monkeys.study import Study
        from monkeys.usage import record_usage

        name = snakemake.wildcards.reward
        # Execution settings are read from the config, not from params, so that changing them triggers no rerun.
        study = Study.of(snakemake.config)
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
                reward=RewardModelConfig.of(name, study.rewards[name], commit),
                console=console,
                note=note,
                results=study.results,
            )
        kept.keep(study.results, snakemake.output[0])
        Path(snakemake.params.journal).unlink()  # safe: if Snakemake still deletes the output, its second name remains
