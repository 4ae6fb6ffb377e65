"""Compute the coverage curves of all tasks and models."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import numpy as np

        from monkeys.analysis.coverage import coverage_curve, log_grid, round_grid
        from monkeys.analysis.tables import at_round_ks, csv_text, headline, read_tallies, stacked, write_table
        from monkeys.storage import write_text

        curves = {}
        for pair, tally in read_tallies(snakemake.params.pairs, snakemake.input.tallies).items():
            largest = int(tally["samples"].min())
            ks = np.union1d(log_grid(largest), round_grid(largest))
            curves[pair] = coverage_curve(tally, ks, **snakemake.params.bootstrap)
        table = at_round_ks(stacked(curves))
        write_text(snakemake.output.curves, csv_text(stacked(curves)))
        write_table(table, snakemake.output.csv, snakemake.output.markdown, shown=headline(table))
