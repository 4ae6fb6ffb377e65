"""Train the demo's reward model on verified samples of the demo's models."""

from monkeys.logs import logging_to

if __name__ == "__main__":
    with logging_to(snakemake.log[0]):
        import tempfile
        from pathlib import Path

        import torch

        from monkeys.demo import attempts, reward, training
        from monkeys.study import Study
        from monkeys.verification import Settings

        torch.set_num_threads(snakemake.threads)
        seed, prompts = snakemake.params.seed, snakemake.params.prompts
        exercises = attempts.exercises(seed, **prompts)
        study = Study.of(snakemake.config)
        with tempfile.TemporaryDirectory() as folder:
            drawn = [
                attempts.draw_samples(exercises, name, study.models[name], seed, Path(folder))
                for name in training.FAMILY
            ]
        together = ([text for texts in models for text in texts] for models in zip(*drawn, strict=True))
        judged = attempts.judge_samples(exercises, together, Settings(**snakemake.params.limits))
        family = Path(snakemake.input[0]).parent
        model, tokenizer = reward.train(family, judged, seed)
        training.save(model, tokenizer, Path(snakemake.output[0]))
