"""List the problems that reject solutions known to be right."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import sys

        import pandas as pd

        from monkeys.analysis.exclusions import rejected
        from monkeys.analysis.tables import write_table
        from monkeys.storage import read_table

        if not snakemake.params.tasks:
            sys.exit("no task of this study has known solutions; of the built-in ones, code_contests has")
        verdicts = zip(snakemake.params.tasks, snakemake.input.verdicts, strict=True)
        tables = {task: rejected(read_table(path).to_pandas()) for task, path in verdicts}
        table = pd.concat(tables, names=["task"]).reset_index(level="task").reset_index(drop=True)
        write_table(table, snakemake.output.csv, snakemake.output.markdown)
