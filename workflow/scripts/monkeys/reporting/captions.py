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


def interval(study: Study, shown_as: str) -> str:
    """What the intervals of coverage mean; empty without intervals.

    Args:
        study: The config.
        shown_as: What shows their limits, in the plural.
    """
    given = f"{shown_as} are {100 * study.analysis.confidence:g} % intervals for "
    return {
        "problems": f"{given}all problems of the same kind, of which these were drawn.",
        "samples": f"{given}these problems with infinitely many samples; none where samples are too few.",
        "none": "",
    }[study.analysis.intervals]
