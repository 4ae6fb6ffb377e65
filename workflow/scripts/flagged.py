"""Compute coverage with and without the problems that are flagged."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.analysis.coverage import log_grid, round_grid
        from monkeys.analysis.exclusions import effect
        from monkeys.analysis.tables import at_round_ks, csv_text, read_tallies, stacked, write_table
        from monkeys.storage import write_text

        tallies = read_tallies(snakemake.params.pairs, snakemake.input.tallies)
        curves = {}
        for task, flagged in snakemake.params.flagged.items():
            measured = {model: tally for (of, model), tally in tallies.items() if of == task}
            everywhere = set().union(*(tally["problem_id"] for tally in measured.values()))
            unknown = sorted(set(flagged) - everywhere)
            if unknown and snakemake.config["tasks"][task]["dataset"] is None:  # else the dataset was asked already
                raise ValueError(f"tasks.{task}.flagged: no problem {', '.join(unknown)} was measured")
            for model, tally in measured.items():
                ks = sorted({*log_grid(largest := int(tally["samples"].min())), *round_grid(largest)})
                curves[task, model] = effect(tally, set(flagged) & set(tally["problem_id"]), ks)
        write_text(snakemake.output.curves, csv_text(stacked(curves)))
        write_table(at_round_ks(stacked(curves)), snakemake.output.csv, snakemake.output.markdown)
