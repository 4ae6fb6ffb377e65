"""Build a task's prompts and their digest."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        from monkeys import preflight
        from monkeys.storage import write_text
        from monkeys.study import Study
        from monkeys.tasks.problems import digest_of, write_problems

        study, task = Study.of(snakemake.config), snakemake.wildcards.task
        # fail before sampling if a problem cannot be verified or a model cannot be sampled
        prompts, problems, data = preflight.load_problems(study, task)
        by_id = {row["problem_id"]: row for row in problems}
        models = [name for name in preflight.models_to_sample(study) if task in study.models[name].tasks]
        preflight.check_models(study, {name: {task: by_id} for name in models}, console)
        write_problems(snakemake.output.prompts, prompts, data.provenance)
        write_text(snakemake.output.digest, digest_of(prompts, "prompt") + "\n")
