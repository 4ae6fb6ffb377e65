"""Build a task's problems file and the digests that tell whether its prompts or references changed."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import pyarrow as pa
        import pyarrow.parquet as pq

        from monkeys.storage import replacing, write_text
        from monkeys.tasks.problems import build_problems, digests, load_rows

        task = snakemake.config["tasks"][snakemake.wildcards.task]
        rows = load_rows(task["dataset"], task["subset"], task["split"], task["revision"])
        problems = build_problems(rows, task, snakemake.config["seed"])
        with replacing(snakemake.output.problems) as path:
            pq.write_table(pa.Table.from_pylist(problems), path, compression="zstd")
        for output, digest in zip(snakemake.output[1:], digests(problems), strict=True):
            write_text(output, digest + "\n")
