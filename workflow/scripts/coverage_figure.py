"""Draw coverage against the number of samples."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.tables import collect
        from monkeys.figures import coverage, style

        style.save(coverage.draw(collect(snakemake.params.pairs, snakemake.input.curves)), snakemake.output)
