"""Draw coverage with its fitted power laws."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.tables import collect
        from monkeys.figures import power_law, style

        curves = collect(snakemake.params.pairs, snakemake.input.curves)
        fits = collect(snakemake.params.pairs, snakemake.input.fits)
        style.save(power_law.draw(curves, fits), snakemake.output)
