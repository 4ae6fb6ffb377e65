r"""MATH (Hendrycks et al. 2021) with the prompt of Minerva (Lewkowycz et al. 2022): four fixed worked examples."""

import hashlib
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import ClassVar

from monkeys.tasks import task
from monkeys.tasks.literals import literal
from monkeys.tasks.task import Row

ORDER = Path(__file__).with_name("math_order.txt")
"""Digests of the test problems, in the order of the original release."""

HARNESS = "tasks/minerva_math/utils.py"
"""The file of lm-eval with the examples."""

EXAMPLES_DIGEST = "cf554c636c1223bc176d80669b7f4a29c6205ccae73ac61dfaadaf1c5b075a03"
"""SHA-256 of the four examples as in the paper's prompt."""


def digest(problem: str) -> str:
    """Digest that identifies a problem in ORDER; white space is ignored."""
    return hashlib.sha256(" ".join(problem.split()).encode()).hexdigest()[:12]


class Task(task.Task):
    """Problems are numbered as in the original release, whatever the order of the dataset's copy."""

    settings: ClassVar = {
        # the original dataset is no longer on the hub; this copy has a configuration for every subject
        "dataset": "EleutherAI/hendrycks_math",
        "revision": "21a5633873b6a120296cce3e2df9d5550074f4a3",
        "subset": [
            "algebra",
            "counting_and_probability",
            "geometry",
            "intermediate_algebra",
            "number_theory",
            "prealgebra",
            "precalculus",
        ],
        "columns": {"reference": "solution"},
        "few_shot": 4,
        "prompt": "{% for example in examples %}Problem:\n{{ example.problem }}\n\n"
        "Solution:\n{{ example.solution }}\n\n{% endfor %}Problem:\n{{ problem }}\n\nSolution:",
        "question": "{{ problem }}",
        "verifier": "minerva",
        "sampling": {"temperature": 0.6, "max_tokens": 512, "stop": ["Problem:"]},
    }
    columns = ("problem", "solution")
    # the paper's code drew five of the 7,500 training problems for every problem and never showed them
    random_steps = (5, 7500)

    def problems(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """Problems in their original order."""
        row_of = {digest(row["problem"]): row for row in rows}
        order = ORDER.read_text().split()
        missing = [index for index, name in enumerate(order) if name not in row_of]
        if missing or len(row_of) != len(order):
            examples = f", such as number {', '.join(map(str, missing[:5]))}" if missing else ""
            raise ValueError(
                f"the dataset does not have the {len(order):,} problems of the MATH test split, from which subsets are "
                f"drawn: it has {len(row_of):,} problems, and {len(missing):,} of the split are missing{examples}; "
                "set `dataset` to another copy, or set `base: none` and all of the task's keys for problems of your own"
            )
        for index, name in enumerate(order):
            yield index, row_of[name]

    def fixed_examples(self, file: str | None) -> list[Row]:
        """Minerva's four examples as in the paper's prompt, with a stray brace and two lost backslashes."""
        try:
            source = Path(file) if file else resources.files("lm_eval") / HARNESS
            rows = literal(source.read_text(), "list_fewshot_samples")
            examples = [{key: row[key] for key in ("problem", "solution")} for row in rows]
            examples[0]["problem"] = examples[0]["problem"].removesuffix("}") + "}"
            for example in examples:
                for key, text in example.items():
                    for line in ("=480", "y&=a,"):
                        text = text.replace(f"{line}\\\\\n", f"{line}\\\n")
                    example[key] = text
            shown = "\n\n".join(f"Problem:\n{e['problem']}\n\nSolution:\n{e['solution']}" for e in examples)
            if hashlib.sha256(shown.encode()).hexdigest() != EXAMPLES_DIGEST:
                raise ValueError("its examples differ from the paper's")
        except (OSError, ImportError, ValueError, LookupError) as error:
            raise ValueError(
                f"the worked examples of the MATH prompt come with the package lm_eval ({error}); install "
                f"lm-eval 0.4.13, or save its file lm_eval/{HARNESS} anywhere and name it in the task's "
                "`examples: {file: …}`"
            ) from None
        return examples
