"""Compute all rows of a result."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.tables import csv_text
        from monkeys.reporting import inputs
        from monkeys.storage import write_text

        write_text(snakemake.output[0], csv_text(inputs.call("compute", snakemake)))
