"""MiniF2F-MATH (Zheng et al. 2022): formal statements in Lean 4; five fixed proofs as examples."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from monkeys.tasks import task
from monkeys.tasks.literals import literal
from monkeys.tasks.task import Row

SOURCE = (
    "https://raw.githubusercontent.com/ScalingIntelligence/large_language_monkeys/"
    "ed2bdb06bcfcbda1ed7d9c2bff87c2db10c3ee78/llmonk/generate/prompts.py"
)
"""The file of the paper's released code with the examples."""

EXAMPLES_DIGEST = "86af71096139cb56c1030854a969e888dbffe8b4a0655633686608a75070bacf"
"""SHA-256 of the text of all five examples."""

INSTRUCTION = (
    "Write a lean4 proof to the provided formal statement. You have access to the standard mathlib4 library.\n"
)
"""Instruction before every statement but the first."""


class Task(task.Task):
    """The 130 statements of the test split that come from MATH."""

    settings: ClassVar = {
        "dataset": "cat-searcher/minif2f-lean4",
        "revision": "70a1249ce240667f6bcdd1ccd62f847f0e065d57",
        "columns": {"id": "id", "reference": "statement"},
        "few_shot": 5,
        "prompt": "{% for example in examples %}{{ example.text }}{% endfor %}"
        f"{INSTRUCTION}```{{{{ header }}}}\n{{{{ shown }}}}\nby (\n",
        "question": "{{ formal_statement }}",
        "verifier": "lean",
        "sampling": {"temperature": 0.5, "max_tokens": 200, "stop": ["Write a lean4"], "include_stop": True},
        # A REPL that has imported Mathlib maps 9 GB of address space.
        "limits": {"cpu_seconds": 60, "memory_mb": 16384},
    }
    columns = ("id", "formal_statement", "header")

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """Statements from MATH, with `shown` for the prompt and `statement` to be proved."""
        for index, row in enumerate(rows):
            if "mathd" in row["id"]:
                formal = row["formal_statement"]
                yield index, row | {"shown": _shown(formal), "statement": _statement(formal)}

    def fixed_examples(self, file: str | None) -> list[Row]:
        """The five proofs before every statement, each with the instruction above it."""
        try:
            text = literal(Path(file or _download(SOURCE)).read_text(), "MINIF2F_FEW_SHOT_PROMPT")
            if hashlib.sha256(text.encode()).hexdigest() != EXAMPLES_DIGEST:
                raise ValueError("its examples differ from the paper's")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"the worked examples of the MiniF2F prompt cannot be loaded ({error}); fetch {SOURCE}, save it "
                "anywhere and name it in the task's `examples: {file: …}`"
            ) from None
        return [{"text": part} for part in re.split(f"(?={re.escape(INSTRUCTION)})", text)]


def _shown(formal: str) -> str:
    """A statement without `sorry`; as in the paper, a line that ends with the theorem's name becomes `theorem6`."""
    open_ended = formal.replace(" sorry", "").replace("sorry", "")
    return re.sub(r"theorem\s+\w+\s*\n", "theorem6\n", open_ended)


def _statement(formal: str) -> str:
    """A statement that Lean accepts: four are commented out, as Lean rejected them when the dataset was made."""
    lines = [line for line in formal.splitlines() if not line.startswith("-- Error")]
    return "\n".join(line.removeprefix("-- ") for line in lines)


def _download(url: str) -> str:
    """Local path of a file with immutable content at a URL; the Hugging Face cache is used."""
    import datasets

    return str(datasets.DownloadManager(download_config=datasets.DownloadConfig(use_etag=False)).download(url))
