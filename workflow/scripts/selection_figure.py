"""Draw how often votes and rewards choose a correct sample."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.analysis.tables import collect
        from monkeys.figures import selection, style

        chosen = collect(snakemake.params.pairs, snakemake.input.selection)
        style.save(selection.draw(chosen, pd.read_csv(snakemake.input.curves)), snakemake.output)
