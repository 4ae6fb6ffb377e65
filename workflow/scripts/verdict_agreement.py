"""Compare our verdicts on published samples with the published ones."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        from monkeys.analysis.agreement import LOW, agreement, read_golds, with_published
        from monkeys.analysis.tables import write_table

        golds = read_golds(snakemake.params.verifiers, snakemake.input.problems)
        table = agreement(with_published(snakemake.input.ours, snakemake.input.published), golds)
        for row in table[table["agreement"] < LOW].itertuples():
            print(
                f"WARNING {row.task} {row.model}: our verdicts agree with the published ones on {row.agreement:.1%} "
                "of the samples only; are these the task's problems, in this numbering?",
                file=console,
            )
        write_table(table, snakemake.output.csv, snakemake.output.markdown)
