"""A model's files: fetched once where there is network, found again where there is none, and what they say of it."""

import json
import math
from pathlib import Path
from typing import Any

from monkeys import hub
from monkeys.hub import NotAvailable

FACTS = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "context": ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"),
}
"""Facts of a model (with `parameters`) and their names in config.json."""

WEIGHTS = ("*.safetensors", "*.bin")
"""The formats of weights that vLLM loads; the first one that a model has is taken."""

ALONGSIDE = ("*.json", "*.model", "*.txt", "*.jinja", "*.tiktoken")
"""Configuration, tokenizer and chat template."""


def fetch(weights: str, commit: str | None, trust_remote_code: bool = False) -> Path:
    """The folder of a model, downloaded into the Hugging Face cache if it is not there yet.

    Args:
        weights: Hub id, or a folder, which is returned as it is.
        commit: Which commit of the id.
        trust_remote_code: Fetch the model's own code, too.

    Raises:
        NotAvailable: no such model or commit, no access to it, or no network.
    """
    if commit is None:
        return Path(weights)
    try:
        files = hub.list_files("model", weights, commit)
        kind = next((kind for kind in WEIGHTS if any(Path(file).match(kind) for file in files)), None)
        if kind is None:
            raise NotAvailable(f"{weights} at revision {commit} has no weights that vLLM loads ({', '.join(WEIGHTS)})")
        return hub.fetch("model", weights, commit, **_wanted(kind, trust_remote_code))
    except hub.HubUnreachable:
        if folder := _cached(weights, commit, trust_remote_code):
            return folder
        raise


def fetch_alongside(weights: str, commit: str | None, trust_remote_code: bool = False) -> Path:
    """The folder of a model with its configuration, tokenizer and chat template; its weights may be missing.

    Args:
        weights: As for `fetch`.
        commit: As for `fetch`.
        trust_remote_code: As for `fetch`.

    Raises:
        NotAvailable: as for `fetch`.
    """
    if commit is None:
        return Path(weights)
    wanted = _wanted(None, trust_remote_code)
    folder = hub.cached_folder("model", weights, commit, **wanted)
    if folder and (folder / "config.json").exists() and any(folder.glob("tokenizer*")):
        return folder  # a commit never changes
    return hub.fetch("model", weights, commit, **wanted)


def local_folder(weights: str, commit: str | None, trust_remote_code: bool = False) -> Path:
    """The folder of a model that was fetched before; the network is not touched.

    Args:
        weights: As for `fetch`.
        commit: As for `fetch`.
        trust_remote_code: As for `fetch`.

    Raises:
        NotAvailable: it is not in this machine's Hugging Face cache, or not all of it.
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
    for kind in WEIGHTS:
        folder = hub.cached_folder("model", weights, commit, **_wanted(kind, code))
        if folder and any(folder.glob(kind)):
            return folder
    return None


def _wanted(kind: str | None, code: bool) -> dict[str, Any]:
    """Which files of a model are wanted; some models keep a second copy of their weights in a subfolder.

    Args:
        kind: The format of its weights; None wants none.
        code: Its own code, too.
    """
    return {
        "allow_patterns": [*([kind] if kind else []), *ALONGSIDE, *(["*.py"] if code else [])],
        "ignore_patterns": "*/*",
    }


def facts(folder: Path | None, given: dict[str, int | None]) -> dict[str, int | None]:
    """What cost formulas need of a model: `parameters`, `layers`, `hidden_size`, `context` (tokens).

    Args:
        folder: The model's folder; None if there is none.
        given: Facts that are known; they count more than the files.

    Returns:
        None for what neither says. Parameters of quantized weights are not counted: their shapes do not tell.
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
