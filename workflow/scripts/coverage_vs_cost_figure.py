"""Draw coverage against dollars."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.figures import coverage_vs_cost, style

        curves = pd.read_csv(snakemake.input.curves).dropna(subset="dollars")
        style.save(coverage_vs_cost.draw(curves, style.colours(**snakemake.params.models)), snakemake.output)
