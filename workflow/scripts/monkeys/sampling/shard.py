"""What one shard is, what is still missing from it, and how its journal becomes the samples file."""

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from monkeys import __version__, kept
from monkeys.kept import MadeFrom
from monkeys.progress import Note
from monkeys.sampling import SAMPLER_VERSION
from monkeys.sampling.journal import Journal, read_entries, read_header, unwinding
from monkeys.storage import SAMPLES, canonical, digest, parquet_writer, read_provenance, read_rows

FINISH_REASONS = ("stop", "length")
"""The ways in which a sample can end; anything else is a failed request, not a sample of the model."""

MOST_TOKENS = 2**31 - 1
"""The largest count of tokens that a samples file can hold."""


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
    """What the distribution depends on, but for the prompts: the model's source and the sampling settings."""

    def settings(self, prompts: dict[str, str]) -> str:
        """Digest of everything that determines the distribution of this shard's samples."""
        return digest([SAMPLER_VERSION, self._about(), prompts])

    def made_from(self, prompts: dict[str, str]) -> MadeFrom:
        """The same, so that samples of a problem are known again where other problems are not the same."""
        return MadeFrom(
            settings=digest([SAMPLER_VERSION, self._about()]),
            problems={problem: digest(prompt)[:16] for problem, prompt in prompts.items()},
        )

    def _about(self) -> dict[str, Any]:
        return {**asdict(self), "study": None}  # a study may be renamed

    def engine_seed(self, samples_in_journal: int) -> int:
        """A seed in [0, 2^31) that differs between shards and between a first and a resumed run.

        An engine that starts twice from one seed may repeat the very same samples, which would look like a
        model of less coverage.
        """
        return _hash31(self.study_seed, self.task, self.model, self.index, samples_in_journal)

    def request_seed(self, problem: str, first: int) -> int:
        """A seed in [0, 2^31) for a request whose samples are seeded one after the other, from number `first` on.

        A problem's samples count up from one seed, so no two requests of a study give one seed to the same prompt,
        and a request that is sent again draws the same samples again.
        """
        return _hash31(self.study_seed, self.task, self.model, problem) // 2 + first


def _hash31(*key: Any) -> int:
    """A stable hash in [0, 2^31)."""
    return int.from_bytes(hashlib.sha256(canonical(key).encode()).digest()[:4]) >> 1


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
    tokens: int | None
    """Tokens generated, also those that the text does not show; None if the source does not tell."""
    finish_reason: str
    """`stop` (end of text or a stop string) or `length` (cut at the token limit)."""
    logprob: float | None
    """Sum of the natural logarithms of the tokens' probabilities; None if the source does not tell."""


class Progress:
    """Which samples of a shard are in its journal, and how to add more."""

    def __init__(
        self,
        shard: Shard,
        prompts: dict[str, str],
        journal: Journal,
        console: TextIO | None = None,
        note: Note | None = None,
    ) -> None:
        self.shard = shard
        self.prompts = prompts
        self.journal = journal
        self.console = console
        """Where notes for people go."""
        self.samples = 0
        """How many samples the journal holds."""
        self._done = {problem: np.zeros(shard.size, dtype=bool) for problem in prompts}
        self._starts: list[dict[str, Any]] = []
        self._began = time.monotonic()
        for entry in journal.entries():
            self._take(entry)
        self._note = note or Note()
        self._note.begin(self.samples + self.missing, self.samples)

    def _take(self, entry: dict[str, Any]) -> None:
        """Count what an entry of the journal says."""
        if "start" in entry:
            self._starts.append({**entry["start"], "samples": 0, "seconds": 0.0})
            return
        count = len(entry["samples"])
        start = entry["first"] - self.shard.index * self.shard.size
        done = self._done[entry["problem_id"]][start : start + count]
        if done.any() or len(done) != count:
            raise ValueError(f"{self.journal.path}: samples of problem {entry['problem_id']} overlap; delete the file")
        done[:] = True
        self.samples += count
        if self._starts:
            self._starts[-1]["samples"] += count
            self._starts[-1]["seconds"] = entry["seconds"]

    def take_up(self, entries: Iterable[dict[str, Any]], problems: set[str]) -> int:
        """Record samples that are missing and were drawn before, from the same prompts.

        Args:
            entries: As a journal has them.
            problems: Those whose samples may be taken.

        Returns:
            The number of samples.
        """
        before = self.samples
        start: dict[str, Any] | None = None
        seen = taken = 0
        for entry in entries:
            if "start" in entry:
                start, seen, taken = entry["start"], 0, 0
                continue
            seen += len(entry["samples"])
            first = entry["first"] - self.shard.index * self.shard.size
            if (
                entry["problem_id"] not in problems
                or self._done[entry["problem_id"]][first:][: len(entry["samples"])].any()
            ):
                continue
            if not taken and start is not None:
                self._record({"start": {**start, "samples_before": self.samples, "taken_up": True}})
            taken += len(entry["samples"])
            self._record({**entry, "seconds": round(entry["seconds"] * taken / seen, 3)})
        self._note.begin(self.samples + self.missing, self.samples)
        return self.samples - before

    def _record(self, entry: dict[str, Any]) -> None:
        self._take(entry)
        self.journal.append(entry)

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
        """Record that an engine starts to sample: its name, version, seed, settings; goes into the provenance."""
        self._began = time.monotonic()
        self._record({"start": {"samples_before": self.samples, **start}})

    def add(
        self,
        request: Request,
        prompt_tokens: int | None,
        samples: Iterable[Sample],
        usage: dict[str, int] | None = None,
    ) -> None:
        """Record a finished request.

        Args:
            request: What was asked for.
            prompt_tokens: Length of the prompt; None if the source does not tell.
            samples: What came back.
            usage: What a server bills for the request, in tokens by kind.

        Raises:
            RuntimeError: a sample did not end as samples do, there are not as many as asked for, or a number is none
                that a samples file can hold. Nothing of it is recorded.
        """
        rows = [asdict(sample) for sample in samples]
        reasons = {row["finish_reason"] for row in rows} - set(FINISH_REASONS)
        unusual = [f"ended by {', '.join(sorted(map(str, reasons)))}"] if reasons else []
        for count in [prompt_tokens, *(usage or {}).values(), *(row["tokens"] for row in rows)]:
            if count is not None and not (type(count) is int and 0 <= count <= MOST_TOKENS):
                unusual.append(f"{count!r} tokens")
        # above 0 by rounding alone; this way round it also finds what is no number
        unusual += [f"log-probability {p}" for row in rows if (p := row["logprob"]) is not None and not p < 0.01]
        if unusual or len(rows) != request.count:
            raise RuntimeError(
                f"problem {request.problem_id}, samples from {request.first}: asked for {request.count}, "
                f"got {len(rows)}, {'; '.join(unusual[:3]) or 'ended by nothing unusual'}; "
                "what was sampled before is kept, run again to go on"
            )
        entry = {
            "problem_id": request.problem_id,
            "first": request.first,
            "prompt_tokens": prompt_tokens,
            "seconds": round(time.monotonic() - self._began, 3),
            **({"usage": usage} if usage else {}),
            "samples": rows,
        }
        self._record(entry)
        self._note.add(request.count)

    def write(self, path: str) -> int:
        """Write the samples file from a complete journal; returns the number of samples. Memory stays flat."""
        if self.missing:
            raise ValueError(f"{self.journal.path}: {self.missing} samples are missing")
        totals = {"generated_tokens": 0, "truncated": 0}
        usage: dict[str, int] | None = {}
        provenance = {
            **asdict(self.shard),
            "sampler_version": SAMPLER_VERSION,
            "project_version": __version__,
            "settings": self.shard.settings(self.prompts),
            **self.shard.made_from(self.prompts).as_provenance(),
            "engine_starts": self._starts,
            "samples": self.samples,
        }
        with parquet_writer(path, SAMPLES, provenance) as add_row:
            for entry in self.journal.entries():
                if "usage" in entry and usage is not None:
                    for kind, tokens in entry["usage"].items():
                        usage[kind] = usage.get(kind, 0) + tokens
                elif "samples" in entry:
                    usage = None  # the bill of a part would be taken for that of the whole
                for position, sample in enumerate(entry.get("samples", ())):
                    count_sample(totals, sample)
                    add_row(
                        {
                            "problem_id": entry["problem_id"],
                            "sample": entry["first"] + position,
                            "prompt_tokens": entry["prompt_tokens"],
                            **sample,
                        }
                    )
            provenance |= totals | ({"usage": usage} if usage else {})
        return self.samples


def count_sample(totals: dict[str, Any], sample: dict[str, Any]) -> None:
    """Add a sample to `generated_tokens` and `truncated`; they become None where the source does not tell."""
    for key, value in (
        ("generated_tokens", sample["tokens"]),
        ("truncated", None if sample["finish_reason"] is None else int(sample["finish_reason"] == "length")),
    ):
        totals[key] = None if totals[key] is None or value is None else totals[key] + value


@contextmanager
def sampling(
    shard: Shard,
    prompts: dict[str, str],
    journal: str,
    samples: str,
    console: TextIO | None = None,
    note: Note | None = None,
    results: str | None = None,
) -> Iterator[Progress]:
    """Lock a shard, yield its progress to be completed, and write its samples file.

    What was drawn before from the same prompts with the same settings, when there were fewer problems or other ones, is
    taken up first.

    Whatever ends the work early, an interrupt and SIGTERM (as Slurm sends it before a job's time is over) included,
    leaves a journal from which the next run goes on.

    Args:
        shard: The shard.
        prompts: Prompt by problem id.
        journal: Path of the journal.
        samples: Path of the samples file.
        console: Where notes for people go.
        note: Where it is noted how far the shard is.
        results: The folder of results that may hold finished samples; None if there is none.
    """
    made_from = shard.made_from(prompts)
    done, total = 0, len(prompts) * shard.size

    def in_journal() -> str:
        return f"{done} of {total} samples of {shard.task} {shard.model} shard {shard.index} in the journal"

    with (
        unwinding(in_journal, console),
        Journal(journal, shard.settings(prompts), console=console, about=made_from.as_provenance()) as opened,
    ):
        progress = Progress(shard, prompts, opened, console, note)
        if taken := _take_up(progress, made_from, samples, results, console):
            print(f"NOTE {taken} of {total} samples were drawn before and are taken up again", file=console)
        try:
            yield progress
        finally:
            done = progress.samples
        progress.write(samples)


def _take_up(progress: Progress, made_from: MadeFrom, samples: str, results: str | None, console: TextIO | None) -> int:
    """Take up what finished samples and journals of other problems hold; the number of samples."""
    taken = 0
    for path in progress.journal.set_aside():
        if shared := made_from.shared_problems(MadeFrom.of(read_header(path))):
            taken += progress.take_up(read_entries(path), shared)
    if results is not None:
        for path, shared in kept.candidates(results, samples, made_from, console):
            if progress.missing:
                taken += progress.take_up(_entries_of(path), shared)
    return taken


def _entries_of(samples: Path) -> Iterator[dict[str, Any]]:
    """The entries of the journal from which a samples file was written, but for what a server billed."""
    rows = read_rows(samples)
    for start in read_provenance(samples)["engine_starts"]:
        yield {"start": {key: value for key, value in start.items() if key not in ("samples", "seconds")}}
        done = 0
        for together in _consecutive(islice(rows, start["samples"])):
            done += len(together)
            yield {
                "problem_id": together[0]["problem_id"],
                "first": together[0]["sample"],
                "prompt_tokens": together[0]["prompt_tokens"],
                "seconds": start["seconds"] * done / start["samples"],
                "samples": [{field.name: row[field.name] for field in fields(Sample)} for row in together],
            }


def _consecutive(rows: Iterable[dict[str, Any]], most: int = 16) -> Iterator[list[dict[str, Any]]]:
    """Rows of one problem whose numbers follow each other, together."""
    together: list[dict[str, Any]] = []
    for row in rows:
        if together:
            last = together[-1]
            follows = (row["problem_id"], row["sample"]) == (last["problem_id"], last["sample"] + 1)
            if len(together) == most or not follows:
                yield together
                together = []
        together.append(row)
    if together:
        yield together
