"""Build a task's prompts and their digest."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys.storage import write_text
        from monkeys.tasks.problems import build_prompts, digest_of, load_rows, write_problems

        task = snakemake.config["tasks"][snakemake.wildcards.task]
        rows = load_rows(task["dataset"], task["subset"], task["split"], task["revision"])
        prompts = build_prompts(rows, task, snakemake.config["seed"])
        columns = ("problem_id", "prompt")
        write_problems(snakemake.output.prompts, [{column: row[column] for column in columns} for row in prompts])
        write_text(snakemake.output.digest, digest_of(prompts, "prompt") + "\n")
