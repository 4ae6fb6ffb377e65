"""Sentences shared by captions."""

from monkeys.study import Study


def samples_per_problem(study: Study) -> str:
    """Number of samples per problem of each task, and of models with a number of their own."""
    sentences = []
    for name, task in study.tasks.items():
        if task.samples:
            own = [
                f"{model}: {settings.samples[name]:,}"
                for model, settings in study.models.items()
                if name in settings.samples
            ]
            exceptions = f" ({', '.join(own)})" if own else ""
            sentences.append(f"{name}: {task.samples:,} samples per problem{exceptions}.")
    return " ".join(sentences)
