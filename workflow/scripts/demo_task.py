"""Generate the held-out problems of one of the demo's tasks."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json
        from pathlib import Path

        from monkeys.demo.examples import demo_rows
        from monkeys.storage import write_text

        rows = demo_rows(snakemake.wildcards.demo_task, snakemake.params.seed)
        write_text(Path(snakemake.output[0]) / "test.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
