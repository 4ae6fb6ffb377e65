"""Rank the answers of a task's problems among those of its training split, by frequency."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pandas as pd

        from monkeys.analysis.tables import csv_text
        from monkeys.storage import read_rows, write_text
        from monkeys.study import Study
        from monkeys.tasks.guesses import guess_ranks
        from monkeys.tasks.problems import naming_task
        from monkeys.tasks.rows import TaskData

        study, name = Study.of(snakemake.config), snakemake.wildcards.task
        task = study.tasks[name]
        training = TaskData(task.model_copy(update={"split": task.guesses}), study.results)
        with naming_task(name):
            ranks = list(guess_ranks(read_rows(snakemake.input.problems), task, training))
        table = pd.DataFrame(ranks, columns=["problem_id", "rank"]).astype({"rank": "Int64"})
        table.insert(0, "task", name)
        write_text(snakemake.output[0], csv_text(table))
