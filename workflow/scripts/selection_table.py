"""Collect how often votes and rewards choose a correct sample, at round k."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.tables import at_round_ks, collect, write_table

        table = at_round_ks(collect(snakemake.params.pairs, snakemake.input.curves))
        write_table(table, snakemake.output.csv, snakemake.output.markdown)
