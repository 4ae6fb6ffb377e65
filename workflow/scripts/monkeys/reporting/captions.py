"""Sentences that captions share."""

from typing import Any


def samples_of_tasks(config: dict[str, Any]) -> str:
    """How many samples per problem there are of each task, and of models that have a number of their own."""
    sentences = []
    for name, task in config["tasks"].items():
        if task["samples"]:
            own = [
                f", of {model} {about['samples'][name]:,}"
                for model, about in config["models"].items()
                if name in about["samples"]
            ]
            sentences.append(f"{name}: {task['samples']:,} samples per problem{''.join(own)}.")
    return " ".join(sentences)
