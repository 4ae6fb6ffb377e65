"""Verify the samples of one shard, each distinct text once."""

import hashlib
import importlib
from collections.abc import Iterator
from typing import Any, TextIO

import pyarrow.parquet as pq

from monkeys import __version__
from monkeys.logs import progress_bar
from monkeys.storage import VERDICTS, read_provenance, read_rows, write_parquet
from monkeys.verification import VERIFIERS, Verdict


def verify_shard(
    problems: str, samples: str, verdicts: str, verifier: str, limits: dict[str, Any], console: TextIO | None = None
) -> None:
    """Write the verdicts of all samples of a shard.

    Args:
        problems: The task's problems file.
        samples: The shard's samples file.
        verdicts: Where the verdicts go.
        verifier: A name in VERIFIERS.
        limits: Settings of the verifier.
        console: Where the progress bar goes; None for none.

    Raises:
        ValueError: the samples are of problems that are not in the problems file.
    """
    references = {row["problem_id"]: row["reference"] for row in read_rows(problems)}
    source = read_provenance(samples)
    title = f"{source.get('task')} {source.get('model')} shard {source.get('index')}"
    with (
        importlib.import_module(f"monkeys.verification.{verifier}").Verifier(limits) as judge,
        progress_bar(console, pq.read_metadata(samples).num_rows, title, "verdicts") as bar,
    ):

        def rows() -> Iterator[dict[str, Any]]:
            known: dict[bytes, Verdict] = {}
            for row in read_rows(samples, ["problem_id", "sample", "text"]):
                problem, text = row["problem_id"], row["text"]
                if problem not in references:
                    raise ValueError(f"{samples}: problem {problem} is not in {problems}")
                key = hashlib.blake2b(f"{problem}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
                verdict = known.get(key)
                if verdict is None:
                    verdict = known[key] = _verdict(judge, references[problem], text)
                bar.update()
                yield {
                    "problem_id": problem,
                    "sample": row["sample"],
                    "outcome": verdict.outcome,
                    "answer": verdict.answer,
                }
            bar.set_postfix_str(f"{len(known)} distinct")

        provenance = {
            "samples": source,
            "verifier": verifier,
            "verifier_version": VERIFIERS[verifier],
            "limits": limits,
            "guarantees": judge.guarantees(),
            "project_version": __version__,
        }
        write_parquet(verdicts, VERDICTS, rows(), provenance)


def _verdict(judge: Any, reference: Any, text: str) -> Verdict:
    """One verdict; what the machine failed at is tried once more."""
    verdict = judge.verify(reference, text)
    return judge.verify(reference, text) if verdict.outcome == "verifier_error" else verdict
