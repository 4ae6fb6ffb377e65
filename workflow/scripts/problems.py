"""Build a task's problems file and the digest of its references."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.storage import write_text
        from monkeys.tasks.problems import build_problems, digest_of, load_rows, write_problems

        task = snakemake.config["tasks"][snakemake.wildcards.task]
        rows = load_rows(task["dataset"], task["subset"], task["split"], task["revision"])
        problems = build_problems(rows, task, snakemake.config["seed"])
        write_problems(snakemake.output.problems, problems)
        write_text(snakemake.output.digest, digest_of(problems, "reference") + "\n")
