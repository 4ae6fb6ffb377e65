"""Make the table of a result."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        from monkeys.analysis.tables import write_table
        from monkeys.reporting import inputs, registry

        tables = inputs.call("tabulate", snakemake)
        table, markdown_table = tables if isinstance(tables, tuple) else (tables, None)
        doubts = getattr(registry.load(snakemake.wildcards.result), "doubts", lambda table: ())
        for doubt in doubts(table):
            print(f"WARNING {doubt}", file=console)
        write_table(table, snakemake.output.csv, snakemake.output.markdown, markdown_table)
