"""Train one of the demo's models."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        from pathlib import Path

        import torch

        from monkeys.demo import training
        from monkeys.demo.examples import training_examples

        torch.set_num_threads(snakemake.threads)
        seed, prompts = snakemake.params.seed, snakemake.params.prompts
        tokenizer = training.train_tokenizer(training_examples(seed, stream=1, **prompts), 20_000, vocabulary=384)
        recipe = training.FAMILY[snakemake.wildcards.demo_model]
        model = training.train(recipe, training_examples(seed, stream=2, **prompts), tokenizer, seed)
        training.save(model, tokenizer, Path(snakemake.output[0]))
