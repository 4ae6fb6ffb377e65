"""Draw the missing samples of one shard with vLLM, then write its samples file."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        import json

        from monkeys.sampling import vllm
        from monkeys.sampling.journal import Journal
        from monkeys.sampling.shard import Progress, Shard
        from monkeys.storage import read_rows

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
        columns = ["problem_id", "prompt"]
        prompts = {row["problem_id"]: row["prompt"] for row in read_rows(snakemake.input.problems, columns)}
        with Journal(snakemake.params.journal, shard.settings(prompts)) as journal:
            progress = Progress(shard, prompts, journal)
            vllm.sample(
                progress,
                weights=model["weights"],
                revision=model["revision"],
                sampling=shard.model_settings["sampling"],
                # How a model is executed is read from the config, not from the params: it invalidates nothing.
                engine=model["engine"],
                console=console,
            )
            progress.write(snakemake.output[0])
