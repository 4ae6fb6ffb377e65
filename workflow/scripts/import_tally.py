"""Convert published outcomes to a tally."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json

        from monkeys.analysis.outcomes import read_outcomes
        from monkeys.analysis.tally import write_tally

        table = read_outcomes(snakemake.input.outcomes, *json.loads(snakemake.params.layout))
        write_tally(table, snakemake.wildcards.task, snakemake.wildcards.model, snakemake.output[0])
