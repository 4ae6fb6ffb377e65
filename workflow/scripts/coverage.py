"""Compute the coverage curve of one task and model."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import numpy as np
        import pandas as pd

        from monkeys.analysis.coverage import coverage_curve, log_grid, round_grid
        from monkeys.storage import write_text

        tally = pd.read_parquet(snakemake.input.tally)
        largest = int(tally["samples"].min())
        ks = np.union1d(log_grid(largest), round_grid(largest))
        curve = coverage_curve(tally, ks, **snakemake.params.bootstrap)
        write_text(snakemake.output[0], curve.to_csv(index=False))
