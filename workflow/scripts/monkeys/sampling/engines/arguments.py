"""A model's engine settings as arguments of vLLM; names are checked against the installed vLLM without importing it."""

import ast
import difflib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from monkeys.settings import Json

if TYPE_CHECKING:
    from monkeys.study.model import Engine

OWN_KEYS = ("separate_process", "arguments")
"""Engine settings that are not arguments of vLLM's `LLM`."""

DECIDED_ELSEWHERE = {
    "seed": "the study's seed",
    "quantization": "models.*.quantization",
    "revision": "models.*.revision",
    **dict.fromkeys(("model", "model_weights", "load_format", "hf_overrides", "hf_config_path"), "models.*.weights"),
    **dict.fromkeys(("tokenizer", "tokenizer_revision", "code_revision"), "models.*.weights"),
    **dict.fromkeys(("reasoning_config", "reasoning_parser"), "models.*.thinking"),
    **dict.fromkeys(("generation_config", "override_generation_config", "logits_processors"), "sampling"),
    **dict.fromkeys(("pipeline_parallel_size", "data_parallel_size"), "engine.tensor_parallel_size"),
}
"""Arguments that change what is sampled or how many GPUs a job needs, and the config key to use instead."""


def llm_arguments(engine: "Engine") -> Json:
    """Arguments for vLLM's `LLM` from a model's engine settings; None leaves a setting to vLLM."""
    return engine.model_dump(exclude=set(OWN_KEYS), exclude_none=True) | engine.arguments


def mistakes(engine: "Engine") -> Iterator[str]:
    """Mistakes in the names of additional arguments; unknown names are found only if vLLM is installed."""
    known = known_names() if engine.arguments else None
    for name in engine.arguments:
        if name in DECIDED_ELSEWHERE:
            yield f"{name} is decided by {DECIDED_ELSEWHERE[name]}"
        elif name in type(engine).model_fields:
            yield f"{name} has a key of its own, engine.{name}"
        elif known is not None and name not in known:
            close = ", ".join(difflib.get_close_matches(name, known))
            yield f"vLLM has no argument {name}" + (f"; there is {close}" if close else "")


def known_names() -> list[str] | None:
    """Names of the engine's arguments, parsed from the installed vLLM's source; None without vLLM."""
    package = importlib.util.find_spec("vllm")
    if package is None or package.origin is None:
        return None
    source = Path(package.origin).parent / "engine" / "arg_utils.py"
    classes = (node for node in ast.parse(source.read_text()).body if isinstance(node, ast.ClassDef))
    body = next(node.body for node in classes if node.name == "EngineArgs")
    fields = [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return [name.id for name in fields if isinstance(name, ast.Name) and not name.id.startswith("_")]
