"""Collect coverage at round k of all tasks and models."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.tables import collect, coverage_table, headline, write_table

        table = coverage_table(collect(snakemake.params.pairs, snakemake.input.curves))
        write_table(table, snakemake.output.csv, snakemake.output.markdown, shown=headline(table))
