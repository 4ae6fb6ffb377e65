"""Print the progress of the study's sampling."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        from monkeys.sampling.summary import summary
        from monkeys.study import Study

        table = summary(Study.of(snakemake.config).results, snakemake.params.shards)
        print(f"\n{table.to_markdown(index=False, disable_numparse=True)}\n", file=console)
