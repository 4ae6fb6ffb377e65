"""Compute every problem's solve rate, and list the problems that are never solved."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.analysis.solve_rates import never_solved, solve_rates
        from monkeys.analysis.tables import csv_text, read_tallies, stacked, write_table
        from monkeys.storage import write_text

        tallies = read_tallies(snakemake.params.pairs, snakemake.input.tallies)
        rates = {pair: solve_rates(tally, snakemake.params.confidence) for pair, tally in tallies.items()}
        write_text(snakemake.output.rates, csv_text(stacked(rates)))
        never = [
            {"task": task, "model": model, "problems": len(tally), "never_solved": len(ids := never_solved(tally))}
            | {"problem_ids": " ".join(ids)}
            for (task, model), tally in tallies.items()
        ]
        table = pd.DataFrame(never)
        shown = table.assign(problem_ids=table["problem_ids"].str.slice(0, 60))
        write_table(table, snakemake.output.csv, snakemake.output.markdown, shown=shown)
