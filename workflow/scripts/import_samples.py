"""Import one shard of published samples, with their verdicts."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json

        from monkeys import hub
        from monkeys.sampling.published import fetch, import_shard
        from monkeys.sampling.shard import Shard

        settings = json.loads(snakemake.params.distribution)
        source = settings["published"]
        shard = Shard(
            study=snakemake.config["study"],
            study_seed=snakemake.config["seed"],
            task=snakemake.wildcards.task,
            model=snakemake.wildcards.model,
            index=int(snakemake.wildcards.shard),
            size=snakemake.params.size,
            model_settings=settings,
        )
        commit = hub.commit_of("dataset", source["dataset"], source["revision"], snakemake.config["results"])
        files = fetch(source["dataset"], commit, source["subset"], source["split"])
        import_shard(files, shard, snakemake.params.problems, snakemake.output.samples, snakemake.output.verdicts)
