"""Draw the curves of each family, moved onto each other."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.figures import curve_similarity, style

        curves, shifts = (pd.read_csv(path) for path in (snakemake.input.curves, snakemake.input.shifts))
        style.save(curve_similarity.draw(curves, shifts, style.colours(**snakemake.params.models)), snakemake.output)
