"""Draw the missing samples of one shard from the model's weights or its server, then write its samples file."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        import json
        import sys
        from pathlib import Path

        from monkeys import kept
        from monkeys.progress import progress_note
        from monkeys.sampling.shard import Shard, open_shard
        from monkeys.storage import read_rows
        from monkeys.usage import record_usage

        # How a model is executed is read from the config, not from the params: it invalidates nothing.
        model = snakemake.config["models"][snakemake.wildcards.model]
        shard = Shard(
            study=snakemake.config["study"],
            study_seed=snakemake.params.seed,
            task=snakemake.wildcards.task,
            model=snakemake.wildcards.model,
            index=int(snakemake.wildcards.shard),
            size=snakemake.params.size,
            model_settings=json.loads(snakemake.params.distribution),
        )
        results = snakemake.config["results"]
        prompts = {row["problem_id"]: row["prompt"] for row in read_rows(snakemake.input.prompts)}
        if model["weights"] is not None:
            from monkeys.sampling.vllm import sample

            model["revision"] = json.loads(Path(snakemake.input.weights[0]).read_text())["commit"]
        else:
            from monkeys.sampling.endpoint import sample
        if kept.restore(results, snakemake.output[0], shard.made_from(prompts), console):
            print("These samples were drawn before, with the same settings, and are taken up again.")
            sys.exit()
        with (
            record_usage(snakemake.log[0], snakemake.rule, snakemake.wildcards, snakemake.threads, snakemake.resources),
            progress_note(snakemake.log[0]) as note,
            open_shard(
                shard, prompts, snakemake.params.journal, snakemake.output[0], console, note, results
            ) as progress,
        ):
            sample(progress, model, shard.model_settings["sampling"])
        kept.keep(results, snakemake.output[0])
        Path(snakemake.params.journal).unlink()  # what Snakemake may still do to the output, a second name survives
