"""Collect the power-law fits of all tasks and models."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.tables import collect, write_table

        table = collect(snakemake.params.pairs, snakemake.input.fits)
        write_table(table, snakemake.output.csv, snakemake.output.markdown)
