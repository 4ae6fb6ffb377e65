"""Fit the exponentiated power law to the coverage of one task and model."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from dataclasses import asdict

        import pandas as pd

        from monkeys.analysis.power_law import fit_power_law
        from monkeys.storage import write_text

        tally = pd.read_parquet(snakemake.input.tally)
        row = asdict(fit_power_law(tally)) | {"problems": len(tally), "samples": int(tally["samples"].min())}
        write_text(snakemake.output[0], pd.DataFrame([row]).to_csv(index=False))
