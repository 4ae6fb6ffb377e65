"""Take a tally from published counts."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.outcomes import read_counts
        from monkeys.storage import replacing

        with replacing(snakemake.output[0]) as path:
            read_counts(snakemake.input.counts).to_parquet(path, index=False, compression="zstd")
