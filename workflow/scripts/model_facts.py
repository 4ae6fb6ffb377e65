"""Record a model's size from its files or the study's config."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json
        from pathlib import Path

        from monkeys.sampling.weights import facts, local_folder
        from monkeys.storage import write_text
        from monkeys.study import Study

        model = Study.of(snakemake.config).models[snakemake.wildcards.model]
        source, folder = json.loads(snakemake.params.weights), None
        if snakemake.input:
            source = json.loads(Path(snakemake.input[0]).read_text())
            folder = local_folder(source["weights"], source["commit"], model.engine.trust_remote_code)
        record = source | facts(folder, json.loads(snakemake.params.facts))
        write_text(snakemake.output[0], json.dumps(record, indent=2) + "\n")
