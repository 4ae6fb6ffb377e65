"""Download a model's weights and record their commit."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json

        from monkeys import hub
        from monkeys.sampling.weights import fetch
        from monkeys.storage import write_text
        from monkeys.study import Study

        ((kind, name),) = ((k, v) for k, v in snakemake.wildcards.items() if k in ("model", "reward"))
        study = Study.of(snakemake.config)
        settings = study.models[name].engine if kind == "model" else study.rewards[name]
        wanted = json.loads(snakemake.params.weights)
        commit = hub.commit_of("model", wanted["weights"], wanted["revision"], study.results)
        fetch(wanted["weights"], commit, settings.trust_remote_code)
        write_text(snakemake.output[0], json.dumps(wanted | {"commit": commit}) + "\n")
