"""Draw how often every problem is solved."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.analysis.tables import with_votes
        from monkeys.figures import solve_rates, style

        rates = pd.read_csv(snakemake.input.rates, dtype={"problem_id": str})
        style.save(solve_rates.draw(with_votes(rates, snakemake.params.pairs, snakemake.input.votes)), snakemake.output)
