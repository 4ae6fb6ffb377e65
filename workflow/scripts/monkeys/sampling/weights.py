"""A model's files: fetching them, finding them again without network, and facts about the model."""

import json
import math
from pathlib import Path

from monkeys import hub
from monkeys.hub import NotAvailable

FACTS = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "context": ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"),
}
"""Facts about a model, besides `parameters`, and their names in config.json."""

WEIGHT_FORMATS = ("*.safetensors", "*.bin")
"""Weight formats that vLLM loads; the first one that a model has is used."""

CONFIG_FILES = ("*.json", "*.model", "*.txt", "*.jinja", "*.tiktoken")
"""Configuration, tokenizer and chat template."""


def fetch(weights: str, commit: str | None, trust_remote_code: bool = False) -> Path:
    """Folder of a model, downloaded into the Hugging Face cache if missing.

    Args:
        weights: Hub id, or a folder, which is returned unchanged.
        commit: Commit of the id; None for a folder.
        trust_remote_code: Fetch the model's own code, too.

    Raises:
        NotAvailable: no such model or commit, no access to it, or no network.
    """
    if commit is None:
        return Path(weights)
    try:
        files = hub.list_files("model", weights, commit)
        kind = next((kind for kind in WEIGHT_FORMATS if any(Path(file).match(kind) for file in files)), None)
        if kind is None:
            raise NotAvailable(
                f"{weights} at revision {commit} has no weights that vLLM loads ({', '.join(WEIGHT_FORMATS)})"
            )
        return hub.fetch("model", weights, commit, **_patterns(kind, trust_remote_code))
    except hub.HubUnreachable:
        if folder := _cached(weights, commit, trust_remote_code):
            return folder
        raise


def fetch_config_files(weights: str, commit: str | None, trust_remote_code: bool = False) -> Path:
    """Folder of a model with its configuration, tokenizer and chat template; the weights may be missing.

    Args:
        weights: As for `fetch`.
        commit: As for `fetch`.
        trust_remote_code: As for `fetch`.

    Raises:
        NotAvailable: as for `fetch`.
    """
    if commit is None:
        return Path(weights)
    patterns = _patterns(None, trust_remote_code)
    folder = hub.cached_folder("model", weights, commit, **patterns)
    if folder and (folder / "config.json").exists() and any(folder.glob("tokenizer*")):
        return folder  # a commit never changes
    return hub.fetch("model", weights, commit, **patterns)


def local_folder(weights: str, commit: str | None, trust_remote_code: bool = False) -> Path:
    """Folder of a model that was fetched before; does not use the network.

    Args:
        weights: As for `fetch`.
        commit: As for `fetch`.
        trust_remote_code: As for `fetch`.

    Raises:
        NotAvailable: it is not, or not completely, in this machine's Hugging Face cache.
    """
    if commit is None:
        return Path(weights)
    if folder := _cached(weights, commit, trust_remote_code):
        return folder
    from huggingface_hub import constants

    raise NotAvailable(
        f"{weights} at revision {commit} is not in the Hugging Face cache {constants.HF_HUB_CACHE}; set HF_HOME "
        "to a folder that all nodes share, fetch it again with --forcerun fetch_model, then run again"
    )


def _cached(weights: str, commit: str, code: bool) -> Path | None:
    for kind in WEIGHT_FORMATS:
        folder = hub.cached_folder("model", weights, commit, **_patterns(kind, code))
        if folder and any(folder.glob(kind)):
            return folder
    return None


def _patterns(kind: str | None, code: bool) -> dict[str, str | list[str]]:
    """Patterns of a model's files, without subfolders, where some models keep a second copy of their weights.

    Args:
        kind: Weight format; None for no weights.
        code: Include the model's own code.
    """
    return {
        "allow_patterns": [*([kind] if kind else []), *CONFIG_FILES, *(["*.py"] if code else [])],
        "ignore_patterns": "*/*",
    }


def facts(folder: Path | None, given: dict[str, int | None]) -> dict[str, int | None]:
    """Facts about a model for cost formulas: `parameters`, `layers`, `hidden_size`, `context` (tokens).

    Args:
        folder: The model's folder; None if it has none.
        given: Known facts, which take precedence over the files.

    Returns:
        None for unknown facts. Parameters of quantized weights are not counted, as their shapes do not show the number.
    """
    found: dict[str, int | None] = dict.fromkeys(("parameters", *FACTS))
    if folder is not None:
        config = json.loads((folder / "config.json").read_text())
        config |= config.get("text_config", {})
        for fact, names in FACTS.items():
            found[fact] = next((config[name] for name in names if config.get(name) is not None), None)
        if "quantization_config" not in config:
            found["parameters"] = _parameters(folder)
    return found | {fact: value for fact, value in given.items() if value is not None}


def _parameters(folder: Path) -> int | None:
    """Number of parameters in a folder's safetensors files; None if it has none."""
    from safetensors import safe_open

    files = sorted(folder.glob("*.safetensors"))
    total = 0
    for path in files:
        with safe_open(path, framework="numpy") as tensors:
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total if files else None
