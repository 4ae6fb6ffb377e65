"""Compute what every number of samples costs."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json
        from pathlib import Path

        import pandas as pd

        from monkeys.analysis.spending import effectiveness, spending
        from monkeys.analysis.tables import csv_text, read_tallies, write_table
        from monkeys.storage import write_text

        prices = {(task, model): snakemake.params.prices[model] for task, model in snakemake.params.priced}
        tallies = read_tallies(snakemake.params.pairs, snakemake.input.tallies)
        facts = {Path(path).stem: json.loads(Path(path).read_text()) for path in snakemake.input.facts}
        curves = spending(tallies, pd.read_csv(snakemake.input.curves), facts, prices)
        everything, as_good = effectiveness(curves)
        write_text(snakemake.output.curves, csv_text(curves))
        write_table(everything, snakemake.output.csv, snakemake.output.markdown, shown=as_good)
