"""Count what people found in the samples that they graded."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.analysis.exclusions import audit_table
        from monkeys.analysis.tables import stacked, write_table

        graded = zip(snakemake.params.pairs, snakemake.input.graded, strict=True)
        tables = {
            (task, model): audit_table(pd.read_csv(path, keep_default_na=False)) for (task, model), path in graded
        }
        write_table(stacked(tables), snakemake.output.csv, snakemake.output.markdown)
