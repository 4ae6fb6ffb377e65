"""Draw the figure of a result."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.reporting import inputs, style

        style.save(inputs.call("draw", snakemake), snakemake.output)
