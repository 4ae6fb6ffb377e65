"""Verify the samples of one shard; each distinct answer is judged once."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict

import pyarrow.parquet as pq

from monkeys import __version__, kept, verification
from monkeys.kept import MadeFrom
from monkeys.progress import Note
from monkeys.storage import VERDICTS, Row, digest, read_provenance, read_rows, write_parquet
from monkeys.verification.verifier import VERDICT_COLUMNS, Settings, Verdict, Verifier

BATCH_SIZE = 64
"""Maximum number of distinct answers to one problem per call of `verify`."""

NO_ANSWER = Verdict("no_answer")


def verify_shard(
    problems_file: str,
    samples_file: str,
    verdicts_file: str,
    verifier: str,
    settings: Settings,
    note: Note | None = None,
    made_with: str = "",
    results: str | None = None,
) -> None:
    """Write the verdicts on all samples of a shard.

    Kept verdicts on the same samples of a problem are reused. Memory holds one number per sample, and texts only of the
    distinct answers being judged.

    Args:
        problems_file: The task's problems.
        samples_file: The shard's samples.
        verdicts_file: Output path.
        verifier: Name of the verifier.
        settings: The verifier's settings, including the number of threads.
        note: Receives the progress.
        made_with: Digest of everything that verdicts depend on besides problems and samples.
        results: Results folder whose kept verdicts are reused; None to reuse none.

    Raises:
        ValueError: a sample's problem is not in the problems file.
    """
    by_id = {row["problem_id"]: row for row in read_rows(problems_file)}
    samples_provenance = read_provenance(samples_file)
    verifier_class = verification.load(verifier)
    for row in by_id.values():
        verification.check(verifier, row)
    texts = kept.text_digests(samples_file)
    if unknown := [problem for problem in texts if problem not in by_id]:
        raise ValueError(f"{samples_file}: problem {unknown[0]} is not in the problems file")
    inputs = {
        problem: [{key: by_id[problem].get(key) for key in VERDICT_COLUMNS}, text] for problem, text in texts.items()
    }
    made_from = MadeFrom(made_with, {problem: digest(judged)[:16] for problem, judged in inputs.items()})
    kept_rows = kept.rows(results, verdicts_file, made_from) if results is not None else ()
    note = note or Note()
    note.begin(pq.read_metadata(samples_file).num_rows)
    with verifier_class(settings) as judge:
        ledger = _Ledger(note, kept_rows)
        with ThreadPoolExecutor(settings.threads) as pool:
            _judge_batches(judge, by_id, _distinct_answers(judge, samples_file, ledger), ledger, pool)
            # Re-judged one at a time: system load may have affected the first outcome.
            for problem, answer, number in ledger.uncertain:
                (verdict,) = pool.submit(_verdicts, judge, by_id[problem], [answer]).result()
                ledger.record(number, verdict.settled())
        provenance = {
            "samples": {key: value for key, value in samples_provenance.items() if key != kept.KEY},
            **made_from.as_provenance(),
            "verifier": verifier,
            "verifier_version": verifier_class.version,
            "settings": {
                key: value
                for key, value in asdict(settings).items()
                if key not in ("threads", "lean") and value is not None
            },
            "guarantees": judge.guarantees(),
            "distinct": ledger.num_distinct,
            "judged_again": len(ledger.uncertain),
            "taken_up": ledger.num_reused,
            "project_version": __version__,
        }
        write_parquet(verdicts_file, VERDICTS, _rows(samples_file, ledger), provenance)


class _Ledger:
    """The answer number of every sample, and the verdict on every answer; number 0 stands for no answer."""

    def __init__(self, note: Note, kept_rows: Iterable[Row]) -> None:
        self.answer_numbers = array("I")
        self.verdicts: list[Verdict | None] = [NO_ANSWER]
        self.num_distinct = 0
        """Number of answers to judge."""
        self.num_reused = 0
        """Number of samples with a reused verdict."""
        self.uncertain: list[tuple[str, str, int]] = []
        """(problem, answer, answer number) of uncertain verdicts."""
        self._pending = Counter[int]()  # samples per answer without a verdict
        self._note = note
        self._kept: dict[str, dict[int, int]] = {}
        numbers: dict[Verdict, int] = {}
        failed = set()
        for row in kept_rows:
            verdict = Verdict(row["outcome"], row["answer"], row["second_opinion"])
            known = self._kept.setdefault(row["problem_id"], {})
            known[row["sample"]] = numbers.setdefault(verdict, len(numbers) + 1)
            if verdict.outcome == "verifier_error":
                failed.add(row["problem_id"])
        for problem in failed:  # the machine failed; a retry may succeed
            del self._kept[problem]
        self.verdicts += numbers

    def reuse(self, problem: str, sample: int) -> bool:
        """Add the next sample with its kept verdict; returns False if it has none."""
        if problem not in self._kept:
            return False
        self.add_sample(self._kept[problem][sample])
        self.num_reused += 1
        return True

    def add_answer(self) -> int:
        """Add an answer without a verdict; returns its number."""
        self.verdicts.append(None)
        self.num_distinct += 1
        return len(self.verdicts) - 1

    def add_sample(self, number: int) -> None:
        """Add the next sample, whose answer has this number."""
        self.answer_numbers.append(number)
        verdict = self.verdicts[number]
        if verdict is None:
            self._pending[number] += 1
        else:
            self._note.add(1)

    def record(self, number: int, verdict: Verdict) -> None:
        """Record the verdict on an answer."""
        self.verdicts[number] = verdict
        self._note.add(self._pending.pop(number))


def _distinct_answers(
    judge: Verifier, samples_file: str, ledger: _Ledger
) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Read all samples; yield batches of distinct answers to one problem, with their numbers."""
    numbers: dict[bytes, int] = {}
    batches: dict[str, list[tuple[int, str]]] = {}
    for row in read_rows(samples_file, ["problem_id", "sample", "text"]):
        problem = row["problem_id"]
        if ledger.reuse(problem, row["sample"]):
            continue
        answer = judge.extract(row["text"])
        if answer is None:
            ledger.add_sample(0)
            continue
        key = hashlib.blake2b(f"{problem}\0{answer}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = ledger.add_answer()
            batches.setdefault(problem, []).append((number, answer))
        ledger.add_sample(number)
        if len(batches.get(problem, ())) == BATCH_SIZE:
            yield problem, batches.pop(problem)
    yield from batches.items()


def _judge_batches(
    judge: Verifier,
    by_id: dict[str, Row],
    batches: Iterator[tuple[str, list[tuple[int, str]]]],
    ledger: _Ledger,
    pool: ThreadPoolExecutor,
) -> None:
    """Judge batches of answers in all threads, with few batches in memory at once."""
    running: dict[Future[list[Verdict]], tuple[str, list[tuple[int, str]]]] = {}

    def collect(max_running: int) -> None:
        while len(running) > max_running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                problem, batch = running.pop(future)
                for (number, answer), verdict in zip(batch, future.result(), strict=True):
                    if verdict.certain:
                        ledger.record(number, verdict)
                    else:
                        ledger.uncertain.append((problem, answer, number))

    try:
        for problem, batch in batches:
            answers = [answer for _, answer in batch]
            running[pool.submit(_verdicts, judge, by_id[problem], answers)] = problem, batch
            collect(max_running=4 * judge.settings.threads)
        collect(max_running=0)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _verdicts(judge: Verifier, problem: Row, answers: Sequence[str]) -> list[Verdict]:
    """Verdicts on these answers as a list, because a verifier may be a lazy iterator."""
    return list(judge.verify(problem, answers))


def _rows(samples_file: str, ledger: _Ledger) -> Iterator[Row]:
    """Rows of the verdicts file, in the order of the samples."""
    for row, number in zip(read_rows(samples_file, ["problem_id", "sample"]), ledger.answer_numbers, strict=True):
        verdict = ledger.verdicts[number]
        assert verdict is not None
        yield {
            **row,
            "outcome": verdict.outcome,
            "answer": verdict.answer,
            "second_opinion": verdict.second_opinion,
        }
