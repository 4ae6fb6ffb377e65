"""Take a tally from published outcomes."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json

        from monkeys.analysis.outcomes import read_outcomes
        from monkeys.storage import WRITING, replacing

        table = read_outcomes(snakemake.input.outcomes, *json.loads(snakemake.params.layout))
        with replacing(snakemake.output[0]) as path:
            table.to_parquet(path, index=False, **WRITING)
