"""Fetch a model's weights and write down what its files say of it."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import json

        from monkeys.sampling.weights import facts, fetch
        from monkeys.storage import write_text

        model = snakemake.config["models"][snakemake.wildcards.model]
        source = json.loads(snakemake.params.source)
        folder = source["weights"] and fetch(
            source["weights"], source["revision"], model["engine"]["trust_remote_code"]
        )
        about = {
            "weights": source["weights"],
            "revision": source["revision"],
            **facts(folder, source["facts"]),
        }
        write_text(snakemake.output[0], json.dumps(about, indent=2) + "\n")
