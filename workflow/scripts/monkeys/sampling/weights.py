"""A model's files: fetched once where there is network, found again where there is none, and what they say of it."""

import json
from pathlib import Path
from typing import Any

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


class ModelNotThere(RuntimeError):
    """A model cannot be had; the message says which one and what to do."""


def fetch(weights: str, revision: str | None, trust_remote_code: bool = False) -> Path:
    """The folder of a model, downloaded into the Hugging Face cache if it is not there yet.

    Args:
        weights: Hub id, or a folder, which is returned as it is.
        revision: Commit, tag or branch of the id.
        trust_remote_code: Fetch the model's own code, too.

    Raises:
        ModelNotThere: no such model or revision, no access to it, or no network.
    """
    if Path(weights).is_dir():
        return Path(weights)
    import huggingface_hub
    from huggingface_hub import errors

    name = f"{weights} at revision {revision}"
    try:
        files = huggingface_hub.HfApi().list_repo_files(weights, revision=revision)
        kind = next((kind for kind in WEIGHTS if any(Path(file).match(kind) for file in files)), None)
        if kind is None:
            raise ModelNotThere(f"{name} has no weights that vLLM loads ({', '.join(WEIGHTS)})")
        return Path(huggingface_hub.snapshot_download(weights, revision=revision, **_wanted(kind, trust_remote_code)))
    except errors.GatedRepoError:
        raise ModelNotThere(
            f"{name} is gated: accept its licence on https://huggingface.co/{weights}, then log in with "
            "`hf auth login` or set HF_TOKEN to a token of that account"
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelNotThere(
            f"{weights} has no revision {revision}; https://huggingface.co/{weights}/commits/main lists them"
        ) from None
    except errors.RepositoryNotFoundError:
        raise ModelNotThere(
            f"{name}: there is no such model on the hub, or it is private; check the name, or log in with "
            "`hf auth login` or set HF_TOKEN"
        ) from None
    except ModelNotThere:
        raise
    except Exception as error:  # no network, in any of the ways that the hub's client and its transports have to say so
        try:
            return local_folder(weights, revision, trust_remote_code)
        except ModelNotThere:
            message = f"{name} is not in the Hugging Face cache, and the hub cannot be reached: {error}"
            raise ModelNotThere(message) from None


def local_folder(weights: str, revision: str | None, trust_remote_code: bool = False) -> Path:
    """The folder of a model that was fetched before; the network is not touched.

    Args:
        weights: As for `fetch`.
        revision: As for `fetch`.
        trust_remote_code: As for `fetch`.

    Raises:
        ModelNotThere: it is not in this machine's Hugging Face cache, or not all of it.
    """
    if Path(weights).is_dir():
        return Path(weights)
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError

    for kind in WEIGHTS:
        try:
            wanted = _wanted(kind, trust_remote_code)
            folder = huggingface_hub.snapshot_download(weights, revision=revision, local_files_only=True, **wanted)
        except LocalEntryNotFoundError:
            continue
        if any(Path(folder).glob(kind)):
            return Path(folder)
    raise ModelNotThere(
        f"{weights} at revision {revision} is not in the Hugging Face cache {constants.HF_HUB_CACHE}; set HF_HOME "
        "to a folder that all nodes share and run rule fetch_model again (--forcerun fetch_model)"
    )


def _wanted(kind: str, code: bool) -> dict[str, Any]:
    """Which files of a model are wanted; some models keep a second copy of their weights in a subfolder."""
    return {"allow_patterns": [kind, *ALONGSIDE, *(["*.py"] if code else [])], "ignore_patterns": "*/*"}


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
    files = sorted(folder.glob("*.safetensors"))
    total = 0
    for path in files:
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for name, tensor in header.items():
            if name != "__metadata__":
                count = 1
                for length in tensor["shape"]:
                    count *= length
                total += count
    return total if files else None
