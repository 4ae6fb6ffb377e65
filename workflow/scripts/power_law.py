"""Fit the exponentiated power law to the coverage of all tasks and models."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from dataclasses import asdict

        import pandas as pd

        from monkeys.analysis.power_law import fit_power_law
        from monkeys.analysis.tables import read_tallies, write_table

        rows = [
            {"task": task, "model": model, **asdict(fit_power_law(tally))}
            | {"problems": len(tally), "samples": int(tally["samples"].min())}
            for (task, model), tally in read_tallies(snakemake.params.pairs, snakemake.input.tallies).items()
        ]
        write_table(pd.DataFrame(rows), snakemake.output.csv, snakemake.output.markdown)
