"""Print the samples, GPU hours and dollars that the study needs to reach a coverage, from the tallies that exist."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as console:
        from pathlib import Path

        from monkeys.analysis.tables import read_tallies
        from monkeys.sampling.forecast import forecast
        from monkeys.study import Study

        study = Study.of(snakemake.config)
        paths = [Path(study.results, "tallies", task, f"{model}.parquet") for task, model in study.pairs()]
        existing = [str(path) for path in paths if path.exists()]
        if not existing:
            print("No tallies yet; the target tallies makes them.", file=console)
            raise SystemExit(0)
        analysis, table = study.analysis, forecast(study, read_tallies(existing))
        print(f"\n{table.to_markdown(index=False, disable_numparse=True)}\n", file=console)
        print(
            f"Samples per problem until {analysis.target_coverage:.4g} coverage, GPU hours and dollars of those still "
            f"to draw, with {100 * analysis.confidence:g} % intervals. Error: mean relative error of the method in the "
            "back-test, which goes up to 100 times the fitted samples. Never: not within 10¹² samples per problem.",
            file=console,
        )
