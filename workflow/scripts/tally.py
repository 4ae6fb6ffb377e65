"""Count the outcomes of all shards of one task and model."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        from monkeys.analysis.tally import tally, write_tally

        table = tally(snakemake.input.samples, snakemake.input.verdicts)
        if failed := int(table["verifier_error"].sum()):
            print(
                f"WARNING {snakemake.output[0]}: the verifier failed on {failed} samples; they are left out, "
                "not counted as wrong. To verify them again, delete the verdicts and rerun.",
                file=console,
            )
        write_tally(table, snakemake.wildcards.task, snakemake.wildcards.model, snakemake.output[0])
