"""Compute how often votes and rewards choose a correct sample of one task and model."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.choices import by_reward, choices
        from monkeys.analysis.tables import csv_text, stacked
        from monkeys.storage import write_text

        curves, votes = choices(
            samples=snakemake.input.samples,
            verdicts=snakemake.input.verdicts,
            rewards=by_reward(snakemake.params.rewards, snakemake.input.rewards),
            logistic=set(snakemake.params.logistic),
            verifier=snakemake.params.verifier if snakemake.params.votes else None,
            subsets=snakemake.params.subsets,
            seed=snakemake.params.seed,
        )
        pair = (snakemake.wildcards.task, snakemake.wildcards.model)
        write_text(snakemake.output.curves, csv_text(stacked({pair: curves})))
        write_text(snakemake.output.votes, csv_text(stacked({pair: votes})))
