"""Verify all samples of one shard."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json

        from monkeys import kept
        from monkeys.progress import progress_note
        from monkeys.storage import digest
        from monkeys.usage import record_usage
        from monkeys.verification import Lean, Settings, load
        from monkeys.verification.shard import verify_shard

        settings = json.loads(snakemake.params.settings)
        machine = snakemake.config["verification"]
        options = load(snakemake.params.verifier).Options

        with (
            record_usage(snakemake.log[0], snakemake.rule, snakemake.wildcards, snakemake.threads, snakemake.resources),
            progress_note(snakemake.log[0]) as note,
        ):
            verify_shard(
                problems_file=snakemake.input.problems,
                samples_file=snakemake.input.samples,
                verdicts_file=snakemake.output[0],
                verifier=snakemake.params.verifier,
                settings=Settings(
                    **settings["limits"],
                    allow_unsandboxed=machine["allow_unsandboxed"],
                    lean=Lean(**machine["lean"]),
                    lists=settings.get("lists", Settings.lists),
                    second_opinion=settings["second_opinion"],
                    options=options and options(**settings.get("options", {})),
                    threads=snakemake.threads,
                ),
                note=note,
                made_with=digest([snakemake.params.verifier, snakemake.params.version, settings]),
                results=snakemake.config["results"] if snakemake.rule == "verify" else None,
            )
        if snakemake.rule == "verify":
            kept.keep(snakemake.config["results"], snakemake.output[0])
