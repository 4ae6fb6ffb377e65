"""Draw coverage with and without the flagged problems."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.figures import flaky_problems, style

        curves = pd.read_csv(snakemake.input.curves)
        style.save(flaky_problems.draw(curves, style.colours(**snakemake.params.models)), snakemake.output)
