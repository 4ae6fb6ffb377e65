"""Sentences that captions share."""

from monkeys.study import Study


def samples_of_tasks(study: Study) -> str:
    """How many samples per problem there are of each task, and of models that have a number of their own."""
    sentences = []
    for name, task in study.tasks.items():
        if task.samples:
            own = [
                f", of {model} {about.samples[name]:,}"
                for model, about in study.models.items()
                if name in about.samples
            ]
            sentences.append(f"{name}: {task.samples:,} samples per problem{''.join(own)}.")
    return " ".join(sentences)
