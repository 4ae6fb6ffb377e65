"""Verify all samples of one shard."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        import json
        from pathlib import Path

        from monkeys.verification.shard import verify_shard

        verify_shard(
            problems=snakemake.input.problems,
            samples=snakemake.input.samples,
            verdicts=snakemake.output[0],
            verifier=snakemake.params.verifier,
            limits=json.loads(snakemake.params.limits) | snakemake.config["verification"],
            console=console,
        )
        # The samples file is known to be complete by now; only here is its journal no longer needed.
        Path(snakemake.params.journal).unlink(missing_ok=True)
