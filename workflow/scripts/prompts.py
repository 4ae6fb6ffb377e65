"""Build a task's prompts and their digest."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from monkeys import verification
        from monkeys.storage import write_text
        from monkeys.tasks.problems import build_problems, build_prompts, digest_of, told_of, write_problems
        from monkeys.tasks.rows import TaskData

        task = snakemake.config["tasks"][snakemake.wildcards.task]
        if task["verifier"] is not None:
            lean = verification.Lean(**snakemake.config["verification"]["lean"])
            verification.load(task["verifier"]).prepared(verification.Settings(lean=lean))
        data = TaskData(task, snakemake.config["results"])
        with told_of(snakemake.wildcards.task):
            prompts = build_prompts(task, data)
            build_problems(prompts, task, data)  # nothing is sampled of which no verdict can be had
        write_problems(snakemake.output.prompts, prompts, data.provenance)
        write_text(snakemake.output.digest, digest_of(prompts, "prompt") + "\n")
