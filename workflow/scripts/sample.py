"""Draw the missing samples of one shard from a model's weights or server, then write the samples file."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        import json
        import sys
        from functools import partial
        from pathlib import Path

        from monkeys import kept
        from monkeys.progress import progress_note
        from monkeys.sampling.shard import Shard, open_shard
        from monkeys.storage import read_rows
        from monkeys.study import Study
        from monkeys.usage import record_usage

        # Execution settings are read from the config, not from params, so that changing them triggers no rerun.
        study = Study.of(snakemake.config)
        model = study.models[snakemake.wildcards.model]
        shard = Shard(
            study=study.study,
            study_seed=snakemake.params.seed,
            task=snakemake.wildcards.task,
            model=snakemake.wildcards.model,
            index=int(snakemake.wildcards.shard),
            size=snakemake.params.size,
            model_settings=json.loads(snakemake.params.distribution),
        )
        results = study.results
        prompts = {row["problem_id"]: row["prompt"] for row in read_rows(snakemake.input.prompts)}
        if snakemake.rule == "sample":
            from monkeys.sampling.engines import vllm

            sample = partial(vllm.sample, commit=json.loads(Path(snakemake.input.weights[0]).read_text())["commit"])
        else:
            from monkeys.sampling.engines.server import sample
        if kept.restore(results, snakemake.output[0], shard.made_from(prompts), console):
            print("These samples were drawn before with the same settings and are reused.")
            sys.exit()
        with (
            record_usage(snakemake.log[0], snakemake.rule, snakemake.wildcards, snakemake.threads, snakemake.resources),
            progress_note(snakemake.log[0]) as note,
            open_shard(
                shard, prompts, snakemake.params.journal, snakemake.output[0], console, note, results
            ) as progress,
        ):
            sample(progress, model, study.sampling(shard.task, shard.model), study.strategy(shard.task, shard.model))
        kept.keep(results, snakemake.output[0])
        Path(snakemake.params.journal).unlink()  # safe: if Snakemake still deletes the output, its second name remains
