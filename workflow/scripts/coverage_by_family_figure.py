"""Draw the coverage of each family."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.figures import coverage_by_family, style

        curves = pd.read_csv(snakemake.input.curves)
        models = snakemake.params.models
        style.save(coverage_by_family.draw(curves, models["families"], style.colours(**models)), snakemake.output)
