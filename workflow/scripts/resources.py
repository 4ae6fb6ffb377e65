"""Add up what jobs used, beside what they had requested."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.tables import write_table
        from monkeys.analysis.usage import read_notes, usage

        write_table(usage(read_notes(snakemake.input.notes)), snakemake.output.csv, snakemake.output.markdown)
