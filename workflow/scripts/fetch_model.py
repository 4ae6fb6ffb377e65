"""Download a model's weights and record their commit."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json

        from monkeys import hub
        from monkeys.sampling.weights import fetch
        from monkeys.storage import write_text

        ((kind, name),) = ((k, v) for k, v in snakemake.wildcards.items() if k in ("model", "reward"))
        model = snakemake.config[f"{kind}s"][name]
        source = json.loads(snakemake.params.weights)
        commit = hub.commit_of("model", source["weights"], source["revision"], snakemake.config["results"])
        fetch(source["weights"], commit, model.get("engine", model)["trust_remote_code"])
        write_text(snakemake.output[0], json.dumps(source | {"commit": commit}) + "\n")
