"""Import one shard of samples from files, with their verdicts."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json

        from monkeys.sampling.imported import import_shard
        from monkeys.sampling.shard import Shard
        from monkeys.study import Study

        study, task, model = Study.of(snakemake.config), snakemake.wildcards.task, snakemake.wildcards.model
        shard = Shard(
            study=study.study,
            study_seed=study.seed,
            task=task,
            model=model,
            index=int(snakemake.wildcards.shard),
            size=snakemake.params.size,
            model_settings=json.loads(snakemake.params.distribution),
        )
        import_shard(
            study.models[model].source.records(task, study.results),
            shard,
            snakemake.params.problems,
            snakemake.output.samples,
            snakemake.output.verdicts,
            study.models[model].thinks,
        )
