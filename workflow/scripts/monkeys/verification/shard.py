"""Verify the samples of one shard, each distinct answer once."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import pyarrow.parquet as pq

from monkeys import __version__, kept, verification
from monkeys.kept import MadeFrom
from monkeys.progress import Note
from monkeys.storage import VERDICTS, digest, read_provenance, read_rows, write_parquet
from monkeys.verification.verifier import JUDGED_BY, Settings, Verdict, Verifier

TOGETHER = 64
"""Distinct answers to one problem that are judged in one call, one after the other."""

NO_ANSWER = Verdict("no_answer")


def verify_shard(
    problems: str,
    samples: str,
    verdicts: str,
    verifier: str,
    settings: Settings,
    note: Note | None = None,
    made_with: str = "",
    results: str | None = None,
) -> None:
    """Write the verdicts of all samples of a shard.

    Verdicts that there are already on the same samples of a problem are taken up. Memory holds a number for every
    sample, and texts only of the distinct answers that are being judged.

    Args:
        problems: The task's problems file.
        samples: The shard's samples file.
        verdicts: Where the verdicts go.
        verifier: The verifier's name.
        settings: How it verifies, and in how many threads.
        note: Where it is noted how far the shard is.
        made_with: Digest of all that verdicts depend on beside problems and samples.
        results: The folder of results that may hold finished verdicts; None if there is none.

    Raises:
        ValueError: the samples are of problems that are not in the problems file.
    """
    by_id = {row["problem_id"]: row for row in read_rows(problems)}
    source = read_provenance(samples)
    kind = verification.load(verifier)
    for row in by_id.values():
        verification.check(verifier, row)
    texts = kept.text_digests(samples)
    if strangers := [problem for problem in texts if problem not in by_id]:
        raise ValueError(f"{samples}: problem {strangers[0]} is not in the problems file")
    about = {problem: [{key: by_id[problem].get(key) for key in JUDGED_BY}, text] for problem, text in texts.items()}
    made_from = MadeFrom(made_with, {problem: digest(judged)[:16] for problem, judged in about.items()})
    there = kept.rows(results, verdicts, made_from) if results is not None else ()
    note = note or Note()
    note.begin(pq.read_metadata(samples).num_rows)
    with kind(settings) as judge:
        book = _Book(note, there)
        with ThreadPoolExecutor(settings.threads) as pool:
            _judge_together(judge, by_id, _distinct(judge, samples, book), book, pool)
            # Judged again one at a time: system load may have affected the first outcome.
            for problem, answer, number in book.uncertain:
                (verdict,) = pool.submit(_verdicts, judge, by_id[problem], [answer]).result()
                book.enter(number, verdict.settled())
        provenance = {
            "samples": {key: value for key, value in source.items() if key != kept.KEY},
            **made_from.as_provenance(),
            "verifier": verifier,
            "verifier_version": kind.version,
            "settings": {key: value for key, value in vars(settings).items() if key not in ("threads", "lean")},
            "guarantees": judge.guarantees(),
            "distinct": book.distinct,
            "judged_again": len(book.uncertain),
            "taken_up": book.taken_up,
            "project_version": __version__,
        }
        write_parquet(verdicts, VERDICTS, _rows(samples, book), provenance)


class _Book:
    """Which sample has which answer, and the verdicts on answers; answer 0 is none at all."""

    def __init__(self, note: Note, there: Iterable[dict[str, Any]]) -> None:
        self.number_of_sample = array("I")
        self.verdicts: list[Verdict | None] = [NO_ANSWER]
        self.distinct = 0
        """Answers that are judged."""
        self.taken_up = 0
        """Samples whose verdicts were there already."""
        self.uncertain: list[tuple[str, str, int]] = []
        """Problem, answer and its number."""
        self._waiting = Counter[int]()  # samples that wait for the verdict on their answer
        self._note = note
        self._there: dict[str, dict[int, int]] = {}
        numbers: dict[Verdict, int] = {}
        failed = set()
        for row in there:
            verdict = Verdict(row["outcome"], row["answer"], row["second_opinion"])
            known = self._there.setdefault(row["problem_id"], {})
            known[row["sample"]] = numbers.setdefault(verdict, len(numbers) + 1)
            if verdict.outcome == "verifier_error":
                failed.add(row["problem_id"])
        for problem in failed:  # the machine failed; it may not do so again
            del self._there[problem]
        self.verdicts += numbers

    def take_up(self, problem: str, sample: int) -> bool:
        """Take up one more sample with the verdict that it has already; whether it has one."""
        if problem not in self._there:
            return False
        self.add(self._there[problem][sample])
        self.taken_up += 1
        return True

    def open(self) -> int:
        """The number of one more answer, on which there is no verdict yet."""
        self.verdicts.append(None)
        self.distinct += 1
        return len(self.verdicts) - 1

    def add(self, number: int) -> None:
        """Take up one more sample, whose answer has this number."""
        self.number_of_sample.append(number)
        verdict = self.verdicts[number]
        if verdict is None:
            self._waiting[number] += 1
        else:
            self._note.add(1)

    def enter(self, number: int, verdict: Verdict) -> None:
        """Write down the verdict on an answer."""
        self.verdicts[number] = verdict
        self._note.add(self._waiting.pop(number))


def _distinct(judge: Verifier, samples: str, book: _Book) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Read all samples; yield distinct answers to one problem, with their numbers, as soon as there are enough."""
    numbers: dict[bytes, int] = {}
    gathered: dict[str, list[tuple[int, str]]] = {}
    for row in read_rows(samples, ["problem_id", "sample", "text"]):
        problem = row["problem_id"]
        if book.take_up(problem, row["sample"]):
            continue
        answer = judge.extract(row["text"])
        if answer is None:
            book.add(0)
            continue
        key = hashlib.blake2b(f"{problem}\0{answer}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = book.open()
            gathered.setdefault(problem, []).append((number, answer))
        book.add(number)
        if len(gathered.get(problem, ())) == TOGETHER:
            yield problem, gathered.pop(problem)
    yield from gathered.items()


def _judge_together(
    judge: Verifier,
    by_id: dict[str, Any],
    groups: Iterator[tuple[str, list[tuple[int, str]]]],
    book: _Book,
    pool: ThreadPoolExecutor,
) -> None:
    """Judge groups of answers in all threads, with few of them in memory at once."""
    under_way: dict[Future[list[Verdict]], tuple[str, list[tuple[int, str]]]] = {}

    def collect(most: int) -> None:
        while len(under_way) > most:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                problem, group = under_way.pop(future)
                for (number, answer), verdict in zip(group, future.result(), strict=True):
                    if verdict.certain:
                        book.enter(number, verdict)
                    else:
                        book.uncertain.append((problem, answer, number))

    try:
        for problem, group in groups:
            answers = [answer for _, answer in group]
            under_way[pool.submit(_verdicts, judge, by_id[problem], answers)] = problem, group
            collect(most=4 * judge.settings.threads)
        collect(most=0)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _verdicts(judge: Verifier, problem: dict[str, Any], answers: Sequence[str]) -> list[Verdict]:
    """Verdicts on these answers, all of them there: a verifier may work while it is asked for the next."""
    return list(judge.verify(problem, answers))


def _rows(samples: str, book: _Book) -> Iterator[dict[str, Any]]:
    """The verdict of every sample, in the samples' order."""
    for row, number in zip(read_rows(samples, ["problem_id", "sample"]), book.number_of_sample, strict=True):
        verdict = book.verdicts[number]
        assert verdict is not None
        yield {
            **row,
            "outcome": verdict.outcome,
            "answer": verdict.answer,
            "second_opinion": verdict.second_opinion,
        }
