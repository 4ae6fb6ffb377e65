"""Write the interactive page of coverage curves."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.reporting import explorer, style
        from monkeys.storage import write_text

        looks = style.assign_looks(**snakemake.params.models)
        write_text(snakemake.output[0], explorer.page(pd.read_csv(snakemake.input.curves), looks))
