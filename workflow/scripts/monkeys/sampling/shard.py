"""What one shard is, what is still missing from it, and how its journal becomes the samples file."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from monkeys import __version__
from monkeys.sampling import SAMPLER_VERSION
from monkeys.sampling.journal import Journal
from monkeys.storage import SAMPLES, canonical, digest, write_parquet

FINISH_REASONS = ("stop", "length")
"""The ways in which a sample can end; anything else is a failed request, not a sample of the model."""


@dataclass(frozen=True)
class Shard:
    """Samples `index·size … (index + 1)·size − 1` of every problem of a task, from one model."""

    study: str
    study_seed: int
    task: str
    model: str
    index: int
    size: int
    """Samples per problem."""
    model_settings: dict[str, Any]
    """The model's source and the sampling settings: all that the distribution depends on, but the prompts."""

    def settings(self, prompts: dict[str, str]) -> str:
        """Digest of everything that determines the distribution of this shard's samples."""
        about = {**asdict(self), "study": None}  # a study may be renamed
        return digest([SAMPLER_VERSION, about, prompts])

    def engine_seed(self, samples_in_journal: int) -> int:
        """A seed in [0, 2^31) that differs between shards and between a first and a resumed run.

        An engine that starts twice from one seed may repeat the very same samples, which would look like a
        model of less coverage.
        """
        key = canonical([self.study_seed, self.task, self.model, self.index, samples_in_journal])
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) >> 1


@dataclass(frozen=True)
class Request:
    """Draw `count` samples of one problem; the first gets the number `first`."""

    problem_id: str
    prompt: str
    first: int
    count: int


@dataclass(frozen=True)
class Sample:
    """One completion of a prompt."""

    text: str
    tokens: int
    finish_reason: str
    """`stop` (end of text or a stop string) or `length` (cut at the token limit)."""
    logprob: float | None
    """Sum of the natural logarithms of the tokens' probabilities; None if the source does not tell."""


class Progress:
    """Which samples of a shard are in its journal, and how to add more."""

    def __init__(self, shard: Shard, prompts: dict[str, str], journal: Journal) -> None:
        self.shard = shard
        self.prompts = prompts
        self.journal = journal
        self._done = {problem: np.zeros(shard.size, dtype=bool) for problem in prompts}
        for entry in journal.entries():
            if "problem_id" in entry:
                self._mark(entry)

    def _mark(self, entry: dict[str, Any]) -> None:
        start = entry["first"] - self.shard.index * self.shard.size
        done = self._done[entry["problem_id"]][start : start + len(entry["samples"])]
        if done.any() or len(done) != len(entry["samples"]):
            raise ValueError(f"{self.journal.path}: samples of problem {entry['problem_id']} overlap; delete the file")
        done[:] = True

    @property
    def samples(self) -> int:
        """How many samples the journal holds."""
        return sum(int(done.sum()) for done in self._done.values())

    @property
    def missing(self) -> int:
        """How many samples are still to be drawn."""
        return len(self._done) * self.shard.size - self.samples

    def requests(self, largest: int) -> Iterator[Request]:
        """The missing samples as requests of at most `largest`, those of one problem one after the other."""
        offset = self.shard.index * self.shard.size
        for problem, done in list(self._done.items()):
            edges = np.flatnonzero(np.diff(np.concatenate(([True], done, [True])).astype(np.int8)))
            for start, stop in edges.reshape(-1, 2).tolist():
                for first in range(start, stop, largest):
                    yield Request(problem, self.prompts[problem], offset + first, min(largest, stop - first))

    def begin(self, start: dict[str, Any]) -> None:
        """Record that an engine starts: its name, version and seed."""
        self.journal.append({"start": {"samples_before": self.samples, **start}})

    def add(self, request: Request, prompt_tokens: int, samples: Iterable[Sample]) -> None:
        """Record a finished request.

        Raises:
            RuntimeError: a sample did not end as samples do, or there are not as many as asked for.
        """
        rows = [asdict(sample) for sample in samples]
        reasons = {row["finish_reason"] for row in rows} - set(FINISH_REASONS)
        if reasons or len(rows) != request.count:
            raise RuntimeError(
                f"problem {request.problem_id}, samples from {request.first}: asked for {request.count}, "
                f"got {len(rows)}, ended by {sorted(map(str, reasons)) or 'nothing unusual'}; "
                "what was sampled before is kept, run again to go on"
            )
        entry = {
            "problem_id": request.problem_id,
            "first": request.first,
            "prompt_tokens": prompt_tokens,
            "samples": rows,
        }
        self._mark(entry)
        self.journal.append(entry)

    def write(self, path: str) -> int:
        """Write the samples file from a complete journal; returns the number of samples. Memory stays flat."""
        if self.missing:
            raise ValueError(f"{self.journal.path}: {self.missing} samples are missing")
        starts = [entry["start"] for entry in self.journal.entries() if "start" in entry]
        provenance = {
            **asdict(self.shard),
            "sampler_version": SAMPLER_VERSION,
            "project_version": __version__,
            "settings": self.shard.settings(self.prompts),
            "engine_starts": starts,
        }
        rows = (
            {
                "problem_id": entry["problem_id"],
                "sample": entry["first"] + position,
                "prompt_tokens": entry["prompt_tokens"],
                **sample,
            }
            for entry in self.journal.entries()
            if "problem_id" in entry
            for position, sample in enumerate(entry["samples"])
        )
        return write_parquet(path, SAMPLES, rows, provenance)
