"""Print what every model is given for its first problem of every task."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        from monkeys.sampling.shown import shown_prompt
        from monkeys.storage import read_rows
        from monkeys.study import Study

        study = Study.of(snakemake.config)
        for (task, model), prompts in zip(snakemake.params.pairs, snakemake.input, strict=True):
            first = next(iter(read_rows(prompts, ["problem_id", "prompt"])))
            print(f"\n── {task}, problem {first['problem_id']}, as {model} sees it ──", file=console)
            print(shown_prompt(study, model, first["prompt"]), file=console)
