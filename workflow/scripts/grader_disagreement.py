"""Compare the verdicts on math answers with the second opinions on them."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.agreement import agreement, read_golds, with_second_opinion
        from monkeys.analysis.tables import write_table

        golds = read_golds(snakemake.params.verifiers, snakemake.input.problems)
        table = agreement(with_second_opinion(snakemake.input.verdicts), golds)
        write_table(table, snakemake.output.csv, snakemake.output.markdown)
