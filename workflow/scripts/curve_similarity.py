"""Compute how far the curves of each family are from each other."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.similarity import shifts
        from monkeys.analysis.tables import read_tallies, stacked, write_table

        groups = {}
        for (task, model), tally in read_tallies(snakemake.params.pairs, snakemake.input.tallies).items():
            if family := snakemake.params.families.get(model):
                groups.setdefault((task, family), {})[model] = tally
        relatives = {group: shifts(tallies) for group, tallies in groups.items() if len(tallies) > 1}
        table = stacked(relatives, names=("task", "family"))
        write_table(table, snakemake.output.csv, snakemake.output.markdown)
