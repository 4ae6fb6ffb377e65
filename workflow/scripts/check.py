"""Check a whole study before sampling, and print an estimate of its cost."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        from monkeys import preflight
        from monkeys.sampling.estimate import estimate
        from monkeys.study import Study

        study, shards = Study.of(snakemake.config), snakemake.params.shards
        mistakes, warnings, problems, lengths = [], [], {}, {}
        for task in dict.fromkeys(task for task, *_ in shards):
            try:
                _, rows, _ = preflight.load_problems(study, task)
                problems[task] = {row["problem_id"]: row for row in rows}
            except (ValueError, RuntimeError) as error:
                mistakes.append(str(error))
        for model in dict.fromkeys(model for _, model, *_ in shards):
            tasks = study.models[model].tasks
            findings = preflight.check_model(study, model, {task: problems[task] for task in tasks if task in problems})
            mistakes += findings.mistakes
            warnings += findings.warnings
            lengths[model] = findings.lengths
        mistakes += preflight.check_servers(study)
        counts = {task: len(rows) for task, rows in problems.items()}
        table = estimate(study, [shard for shard in shards if shard[0] in counts], counts, lengths)
        print(f"\n{table.to_markdown(index=False, disable_numparse=True)}\n", file=console)
        for warning in dict.fromkeys(warnings):
            print(f"WARNING {warning}", file=console)
        for mistake in dict.fromkeys(mistakes):
            print(f"ERROR {mistake}", file=console)
        if mistakes:
            raise SystemExit(1)
        print("No mistakes found that can be detected before sampling.", file=console)
