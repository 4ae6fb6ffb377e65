"""Compute the accuracy of votes and rewards for one task and model."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.choices import evaluate_selectors, evaluate_stopping, group_by_reward
        from monkeys.analysis.tables import concat_with_keys, csv_text
        from monkeys.storage import write_text

        verifier = snakemake.params.verifier if snakemake.params.votes else None
        curves, votes = evaluate_selectors(
            samples=snakemake.input.samples,
            verdicts=snakemake.input.verdicts,
            rewards=group_by_reward(snakemake.params.rewards, snakemake.input.rewards),
            logistic=set(snakemake.params.logistic),
            verifier=verifier,
            subsets=snakemake.params.subsets,
            seed=snakemake.params.seed,
        )
        stopping = evaluate_stopping(
            snakemake.input.verdicts, verifier, draws=snakemake.params.subsets, seed=snakemake.params.seed
        )
        pair = (snakemake.wildcards.task, snakemake.wildcards.model)
        write_text(snakemake.output.curves, csv_text(concat_with_keys({pair: curves})))
        write_text(snakemake.output.votes, csv_text(concat_with_keys({pair: votes})))
        write_text(snakemake.output.stopping, csv_text(concat_with_keys({pair: stopping})))
