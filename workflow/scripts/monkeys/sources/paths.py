"""Whether a text in a config is a path or a hub id, and whether something is there."""

import re
from collections.abc import Iterator
from pathlib import Path


def is_dir(path: str) -> bool:
    """Whether there is such a folder; false for what cannot be a path."""
    try:
        return Path(path).is_dir()
    except OSError:
        return False


def is_file(path: str) -> bool:
    """Whether there is such a file; false for what cannot be a path."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def is_path(text: str) -> bool:
    """Whether a dataset or model is meant as a folder: a hub id is `name` or `organisation/name`."""
    return is_dir(text) or len(text) > 200 or re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", text) is None


def files_below(folder: str) -> list[str]:
    """All files of a local dataset, none for a hub dataset, which is pinned by its revision instead."""
    return sorted(str(file) for file in Path(folder).rglob("[!.]*") if file.is_file())


def missing_dataset(where: str, dataset: str | None) -> Iterator[str]:
    """The mistake of a dataset that is a file, or a folder that does not exist."""
    if dataset is None or not is_path(dataset) or is_dir(dataset):
        return
    if is_file(dataset):
        yield (
            f"{where}: {dataset} is a file; give its folder, with the file named after the split, such as "
            f"test{Path(dataset).suffix}"
        )
    else:
        yield f"{where}: no folder {dataset}; give a folder, or a hub id such as openai/gsm8k"


def missing_model(where: str, weights: str, revision: str | None) -> Iterator[str]:
    """The mistake of weights whose folder does not exist, or that are not pinned."""
    if not is_path(weights):
        if revision is None:
            yield (
                f"{where}.revision: a model from the hub needs one, so that all shards come from the same weights; "
                f"its commits are listed on https://huggingface.co/{weights}/commits/main"
            )
    elif not is_file(f"{weights}/config.json"):
        yield (
            f"{where}.weights: no model in the folder {weights} (config.json is missing); "
            "give a folder in Hugging Face format, or a hub id such as meta-llama/Meta-Llama-3-8B-Instruct"
        )
