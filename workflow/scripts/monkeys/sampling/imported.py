"""Samples from files, as one shard of a study."""

from collections.abc import Iterable

from monkeys import __version__
from monkeys.sampling.shard import Shard
from monkeys.sampling.thinking import Thinking, split
from monkeys.sources.imported import Record
from monkeys.storage import SAMPLES, VERDICTS, parquet_writer


def import_shard(
    records: Iterable[Record],
    shard: Shard,
    problems: list[str] | None,
    samples: str,
    verdicts: str,
    thinking: Thinking | None = None,
) -> None:
    """Write one shard of samples from files, and the verdicts that came with them.

    Args:
        records: The samples, problem by problem.
        shard: The shard; the first sample of a problem has the number 0.
        problems: Ids of the wanted problems; None for all.
        samples: Output file for the samples; tokens, finish reasons and log-probabilities are null.
        verdicts: Output file for the verdicts.
        thinking: How the texts mark the model's thinking; None if they have none.

    Raises:
        ValueError: a problem appears twice or has too few samples, or a wanted problem is missing.
    """
    provenance = {
        "study": shard.study,
        "task": shard.task,
        "model": shard.model,
        "index": shard.index,
        "size": shard.size,
        "model_settings": shard.model_settings,
        "project_version": __version__,
        "generated_tokens": None,
        "truncated": None,
    }
    first, end = shard.index * shard.size, (shard.index + 1) * shard.size
    seen: set[str] = set()
    with (
        parquet_writer(samples, SAMPLES, provenance) as add_sample,
        parquet_writer(verdicts, VERDICTS, provenance | {"verifier": "published"}) as add_verdict,
    ):
        for problem, texts, outcomes, where in records:
            if problem in seen:
                raise ValueError(f"{where}: problem {problem} appears again")
            seen.add(problem)
            if problems is not None and problem not in problems:
                continue
            if len(texts) != len(outcomes):
                raise ValueError(f"{where}: {len(texts)} samples, but {len(outcomes)} verdicts")
            if len(texts) < end:
                raise ValueError(
                    f"{where}: problem {problem} has {len(texts)} published samples, the study asks for {end} or more; "
                    f"lower tasks.{shard.task}.samples, or models.{shard.model}.samples.{shard.task} if it is set"
                )
            for position in range(first, end):
                row = {"problem_id": problem, "sample": position}
                add_sample({**row, **_parts(texts[position], thinking)})
                add_verdict({**row, "outcome": outcomes[position], "answer": None})
        missing = sorted(set(problems or ()) - seen)
        if missing or not seen:
            raise ValueError(
                f"tasks.{shard.task}: models.{shard.model} has no samples of "
                f"{'problem ' + ', '.join(missing[:10]) if missing else 'any problem'}"
            )
        provenance["samples"] = len(seen if problems is None else problems) * shard.size


def _parts(text: str, thinking: Thinking | None) -> dict[str, str]:
    """A sample's columns with its answer and, if it is marked and kept, its thinking."""
    if thinking is None:
        return {"text": text}
    reasoning, answer = split(text, thinking, begun=False)
    return {"text": answer, "reasoning": reasoning} if thinking.keep else {"text": answer}
