"""Draw correct samples from all bins of solve rates for manual grading."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.analysis.exclusions import draw_audit
        from monkeys.analysis.tables import csv_text
        from monkeys.storage import read_table, write_text

        samples, verdicts = (
            pd.concat([read_table(path, columns).to_pandas() for path in paths], ignore_index=True)
            for paths, columns in (
                (snakemake.input.samples, ["problem_id", "sample", "text"]),
                (snakemake.input.verdicts, ["problem_id", "sample", "outcome"]),
            )
        )
        problems = read_table(snakemake.input.problems, ["problem_id", "question", "reference"]).to_pandas()
        bins = [0.0, *snakemake.params.bins, 1.0]
        drawn = draw_audit(samples, verdicts, problems, bins, snakemake.params.per_bin, snakemake.params.seed)
        write_text(snakemake.output[0], csv_text(drawn))
