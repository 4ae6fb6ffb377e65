"""Draw coverage against the number of samples."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.figures import coverage, style

        curves = pd.read_csv(snakemake.input.curves)
        style.save(coverage.draw(curves, style.colours(**snakemake.params.models)), snakemake.output)
