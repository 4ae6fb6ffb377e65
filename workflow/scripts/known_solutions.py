"""Extract the known correct solutions from a task's dataset, in the format of samples."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.storage import SAMPLES, read_rows, write_parquet
        from monkeys.study import Study
        from monkeys.tasks.problems import known_solutions
        from monkeys.tasks.rows import TaskData

        study = Study.of(snakemake.config)
        task = study.tasks[snakemake.wildcards.task]
        data = TaskData(task, study.results)
        problems = read_rows(snakemake.input.problems, ["problem_id", "source_index"])
        provenance = {"task": snakemake.wildcards.task, "model": "known solutions", "index": 0}
        write_parquet(snakemake.output[0], SAMPLES, known_solutions(problems, task, data), provenance)
