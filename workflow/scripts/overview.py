"""Write the page that the report opens with."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.analysis.tables import headline, read_tallies
        from monkeys.reporting.overview import overview
        from monkeys.storage import read_provenance, write_text
        from monkeys.study import Study

        page = overview(
            snakemake.params.template,
            study=Study.of(snakemake.config),
            tallies=read_tallies(snakemake.input.tallies),
            headline=headline(pd.read_csv(snakemake.input.coverage)),
            samples=[read_provenance(path) for path in snakemake.input.samples],
            verdicts=[read_provenance(path) for path in snakemake.input.verdicts],
        )
        write_text(snakemake.output[0], page)
