"""Build a task's problems file and the digest of the columns that verdicts depend on."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.storage import read_rows, write_text
        from monkeys.study import Study
        from monkeys.tasks.problems import build_problems, digest_of, naming_task, write_problems
        from monkeys.tasks.rows import TaskData
        from monkeys.verification.verifier import VERDICT_COLUMNS

        study = Study.of(snakemake.config)
        task = study.tasks[snakemake.wildcards.task]
        data = TaskData(task, study.results)
        with naming_task(snakemake.wildcards.task):
            problems = build_problems(read_rows(snakemake.input.prompts), task, data)
        write_problems(snakemake.output.problems, problems, data.provenance)
        write_text(snakemake.output.digest, digest_of(problems, *VERDICT_COLUMNS) + "\n")
