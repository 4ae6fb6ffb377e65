"""A shard of samples: its definition, what is still missing, and how its journal becomes the samples file."""

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
from monkeys.sampling.engines.engine import Completion
from monkeys.sampling.journal import Entry, Journal, read_entries, read_header
from monkeys.sampling.signals import exit_on_signals
from monkeys.settings import Json
from monkeys.storage import SAMPLES, Row, canonical, digest, parquet_writer, read_provenance, read_rows

FINISH_REASONS = ("stop", "length")
"""Valid finish reasons of a sample; anything else is a failed request, not a sample of the model."""

MAX_TOKENS = 2**31 - 1
"""Largest token count that a samples file can hold (int32)."""


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
    model_settings: Json
    """What the distribution depends on besides the prompts: the model's source and the sampling settings."""

    def settings(self, prompts: dict[str, str]) -> str:
        """Digest of everything that determines the distribution of this shard's samples."""
        return digest([SAMPLER_VERSION, self._identity(), prompts])

    def made_from(self, prompts: dict[str, str]) -> MadeFrom:
        """The same per problem, so that its samples are recognized even if other problems changed."""
        return MadeFrom(
            settings=digest([SAMPLER_VERSION, self._identity()]),
            problems={problem: digest(prompt)[:16] for problem, prompt in prompts.items()},
        )

    def _identity(self) -> Json:
        return {**asdict(self), "study": None}  # a study may be renamed

    def engine_seed(self, samples_in_journal: int) -> int:
        """A seed in [0, 2^31) that differs between shards and between a first and a resumed run.

        An engine that starts twice from one seed may repeat the very same samples and so lower the coverage.
        """
        return _hash31(self.study_seed, self.task, self.model, self.index, samples_in_journal)

    def request_seed(self, problem: str, first: int, call: int = 0) -> int:
        """A seed in [0, 2^31) for a request whose first sample has the number `first`; its samples count up from it.

        The seeds of a problem's samples are consecutive, so no two requests of a study use the same seed for a prompt,
        and a request that is sent again draws the same samples. Each call of an attempt has seeds of its own.
        """
        key = (self.study_seed, self.task, self.model, problem)
        return _hash31(*key, *([call] if call else [])) // 2 + first


def _hash31(*key: Any) -> int:
    """A stable hash in [0, 2^31)."""
    return int.from_bytes(hashlib.sha256(canonical(key).encode()).digest()[:4]) >> 1


@dataclass(frozen=True)
class Gap:
    """`count` missing samples of one problem, numbered from `first`."""

    problem_id: str
    first: int
    count: int


@dataclass(frozen=True)
class Sample(Completion):
    """One sample: a completion of the prompt, or what a strategy made of several."""

    calls: int | None = None
    """Calls of the model; None if each sample is one completion of its prompt."""
    trace: str | None = None
    """All calls as JSON, with prompts and completions."""


@dataclass
class Totals:
    """What a shard's samples have in total; None if the source does not report it."""

    generated_tokens: int | None = 0
    truncated: int | None = 0
    """Samples that were cut at the token limit, or that ended before their thinking did."""

    def count(self, sample: Row) -> None:
        """Add a sample."""
        tokens, reason = sample.get("tokens"), sample.get("finish_reason")
        only_thinking = bool(tokens) and sample.get("reasoning_tokens") == tokens
        truncated = None if reason is None else int(reason == "length" or only_thinking)
        self.generated_tokens = _plus(self.generated_tokens, tokens)
        self.truncated = _plus(self.truncated, truncated)


def _plus(total: int | None, value: int | None) -> int | None:
    return None if total is None or value is None else total + value


class ShardProgress:
    """The samples of a shard that are in its journal, and methods to add more."""

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
        """Where messages for the user are printed."""
        self.num_samples = 0
        """Samples in the journal."""
        self._done = {problem: np.zeros(shard.size, dtype=bool) for problem in prompts}
        self._starts: list[Entry] = []
        self._began = time.monotonic()
        for entry in journal.entries():
            self._count(entry)
        self._note = note or Note()
        self._note.begin(self.num_samples + self.missing, self.num_samples)

    def _count(self, entry: Entry) -> None:
        """Update the counts by an entry of the journal."""
        if "start" in entry:
            self._starts.append({**entry["start"], "samples": 0, "seconds": 0.0})
            return
        count = len(entry["samples"])
        start = entry["first"] - self.shard.index * self.shard.size
        done = self._done[entry["problem_id"]][start : start + count]
        if done.any() or len(done) != count:
            raise ValueError(f"{self.journal.path}: samples of problem {entry['problem_id']} overlap; delete the file")
        done[:] = True
        self.num_samples += count
        if self._starts:
            self._starts[-1]["samples"] += count
            self._starts[-1]["seconds"] = entry["seconds"]

    def reuse(self, entries: Iterable[Entry], problems: set[str]) -> int:
        """Record missing samples that were drawn earlier from the same prompts.

        Args:
            entries: Journal entries.
            problems: Ids of the problems whose samples may be reused.

        Returns:
            The number of reused samples.
        """
        before = self.num_samples
        start: Entry | None = None
        seen = reused = 0
        for entry in entries:
            if "start" in entry:
                start, seen, reused = entry["start"], 0, 0
                continue
            seen += len(entry["samples"])
            first = entry["first"] - self.shard.index * self.shard.size
            if (
                entry["problem_id"] not in problems
                or self._done[entry["problem_id"]][first:][: len(entry["samples"])].any()
            ):
                continue
            if not reused and start is not None:
                self._record({"start": {**start, "samples_before": self.num_samples, "taken_up": True}})
            reused += len(entry["samples"])
            self._record({**entry, "seconds": round(entry["seconds"] * reused / seen, 3)})
        self._note.begin(self.num_samples + self.missing, self.num_samples)
        return self.num_samples - before

    def _record(self, entry: Entry) -> None:
        self._count(entry)
        self.journal.append(entry)

    @property
    def missing(self) -> int:
        """Number of samples still to be drawn."""
        return len(self._done) * self.shard.size - self.num_samples

    def gaps(self, max_samples: int) -> Iterator[Gap]:
        """The missing samples, at most `max_samples` each, problem by problem."""
        offset = self.shard.index * self.shard.size
        for problem, done in list(self._done.items()):
            edges = np.flatnonzero(np.diff(np.concatenate(([True], done, [True])).astype(np.int8)))
            for start, stop in edges.reshape(-1, 2).tolist():
                for first in range(start, stop, max_samples):
                    yield Gap(problem, offset + first, min(max_samples, stop - first))

    def begin(self, start: Entry) -> None:
        """Record the start of an engine (name, version, seed, settings); it goes into the provenance."""
        self._began = time.monotonic()
        self._record({"start": {"samples_before": self.num_samples, **start}})

    def add(
        self,
        gap: Gap,
        prompt_tokens: int | None,
        samples: Iterable[Sample],
        usage: dict[str, int] | None = None,
    ) -> None:
        """Record samples.

        Args:
            gap: Their problem, numbers and count.
            prompt_tokens: Length of the prompts of all calls that were made for them together; None if the source does
                not report it.
            samples: The samples.
            usage: Tokens that a server bills for them, by kind.

        Raises:
            RuntimeError: a finish reason, token count or log-probability is invalid, or the number of samples differs
                from the requested one. Nothing is recorded then.
        """
        rows = [{key: value for key, value in vars(sample).items() if value is not None} for sample in samples]
        reasons = {row.get("finish_reason") for row in rows} - set(FINISH_REASONS)
        unusual = [f"ended by {', '.join(sorted(map(str, reasons)))}"] if reasons else []
        for count in [prompt_tokens, *(usage or {}).values(), *(row.get("tokens") for row in rows)]:
            if count is not None and not (type(count) is int and 0 <= count <= MAX_TOKENS):
                unusual.append(f"{count!r} tokens")
        # above 0 only by rounding; written so that NaN is found, too
        unusual += [f"log-probability {p}" for row in rows if (p := row.get("logprob")) is not None and not p < 0.01]
        if unusual or len(rows) != gap.count:
            raise RuntimeError(
                f"problem {gap.problem_id}, samples from {gap.first}: asked for {gap.count}, "
                f"got {len(rows)}, {'; '.join(unusual[:3]) or 'no invalid values'}; "
                "earlier samples are kept, run again to resume"
            )
        entry = {
            "problem_id": gap.problem_id,
            "first": gap.first,
            "prompt_tokens": prompt_tokens,
            "seconds": round(time.monotonic() - self._began, 3),
            **({"usage": usage} if usage else {}),
            "samples": rows,
        }
        self._record(entry)
        self._note.add(gap.count)

    def write(self, path: str) -> int:
        """Write the samples file from a complete journal, in constant memory; returns the number of samples."""
        if self.missing:
            raise ValueError(f"{self.journal.path}: {self.missing} samples are missing")
        totals = Totals()
        usage: dict[str, int] | None = {}
        provenance = {
            **asdict(self.shard),
            "sampler_version": SAMPLER_VERSION,
            "project_version": __version__,
            "settings": self.shard.settings(self.prompts),
            **self.shard.made_from(self.prompts).as_provenance(),
            "engine_starts": self._starts,
            "samples": self.num_samples,
        }
        with parquet_writer(path, SAMPLES, provenance) as add_row:
            for entry in self.journal.entries():
                if "usage" in entry and usage is not None:
                    for kind, tokens in entry["usage"].items():
                        usage[kind] = usage.get(kind, 0) + tokens
                elif "samples" in entry:
                    usage = None  # a partial bill would be mistaken for the whole
                for position, sample in enumerate(entry.get("samples", ())):
                    totals.count(sample)
                    add_row(
                        {
                            "problem_id": entry["problem_id"],
                            "sample": entry["first"] + position,
                            "prompt_tokens": entry["prompt_tokens"],
                            **sample,
                        }
                    )
            provenance |= asdict(totals) | ({"usage": usage} if usage else {})
        return self.num_samples


@contextmanager
def open_shard(
    shard: Shard,
    prompts: dict[str, str],
    journal_file: str,
    samples_file: str,
    console: TextIO | None = None,
    note: Note | None = None,
    results: str | None = None,
) -> Iterator[ShardProgress]:
    """Lock a shard, yield its progress to be completed, then write its samples file.

    Samples drawn earlier from the same prompts with the same settings, when the task had fewer or other problems, are
    reused first.

    If the work ends early, for whatever reason (interrupt, SIGTERM before a Slurm time limit, crash), the next run
    resumes from the journal.

    Args:
        shard: The shard.
        prompts: Prompt by problem id.
        journal_file: Path of the journal.
        samples_file: Path of the samples file.
        console: Where messages for the user are printed.
        note: Counts the shard's progress.
        results: Results folder that may hold finished samples; None for none.
    """
    made_from = shard.made_from(prompts)
    done, total = 0, len(prompts) * shard.size

    def in_journal() -> str:
        return f"{done} of {total} samples of {shard.task} {shard.model} shard {shard.index} in the journal"

    with (
        exit_on_signals(in_journal, console),
        Journal(journal_file, shard.settings(prompts), console=console, header=made_from.as_provenance()) as journal,
    ):
        progress = ShardProgress(shard, prompts, journal, console, note)
        if reused := _reuse_finished(progress, made_from, samples_file, results, console):
            print(f"NOTE {reused} of {total} samples were drawn before and are reused", file=console)
        try:
            yield progress
        finally:
            done = progress.num_samples
        progress.write(samples_file)


def _reuse_finished(
    progress: ShardProgress, made_from: MadeFrom, samples_file: str, results: str | None, console: TextIO | None
) -> int:
    """Reuse samples from kept files and from journals with other problems; returns their number."""
    reused = 0
    for path in progress.journal.others():
        if shared := made_from.shared_problems(MadeFrom.of(read_header(path))):
            reused += progress.reuse(read_entries(path), shared)
    if results is not None:
        for path, shared in kept.candidates(results, samples_file, made_from, console):
            if progress.missing:
                reused += progress.reuse(_entries_from_samples(path), shared)
    return reused


def _entries_from_samples(samples: Path) -> Iterator[Entry]:
    """Entries of the journal from which a samples file was written, without the tokens that a server billed."""
    rows = read_rows(samples)
    for start in read_provenance(samples)["engine_starts"]:
        yield {"start": {key: value for key, value in start.items() if key not in ("samples", "seconds")}}
        done = 0
        for group in _consecutive(islice(rows, start["samples"])):
            done += len(group)
            yield {
                "problem_id": group[0]["problem_id"],
                "first": group[0]["sample"],
                "prompt_tokens": group[0]["prompt_tokens"],
                "seconds": start["seconds"] * done / start["samples"],
                "samples": [{field.name: row.get(field.name) for field in fields(Sample)} for row in group],
            }


def _consecutive(rows: Iterable[Row], max_rows: int = 16) -> Iterator[list[Row]]:
    """Group rows of one problem with consecutive sample numbers."""
    group: list[Row] = []
    for row in rows:
        if group:
            last = group[-1]
            follows = (row["problem_id"], row["sample"]) == (last["problem_id"], last["sample"] + 1)
            if len(group) == max_rows or not follows:
                yield group
                group = []
        group.append(row)
    if group:
        yield group
