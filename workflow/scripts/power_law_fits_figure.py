"""Draw coverage with its fitted power laws."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.figures import power_law_fits, style

        curves, fits = (pd.read_csv(path) for path in (snakemake.input.curves, snakemake.input.fits))
        style.save(power_law_fits.draw(curves, fits, style.colours(**snakemake.params.models)), snakemake.output)
