"""Our speed of running programs, compared with the paper's method and with the cost of a bare process, on one core.

A program that adds 200 integers from standard input is run many times. The paper's released code starts `bash`, which
sets a memory limit and starts an interpreter. Ours is the whole verifier: extraction, every layer of the sandbox, and
comparison of outputs. The upper bound is a bare interpreter that only forks and exits. Everything is pinned to one
core, so runs per second of wall time are runs per second and core, whichever process does the work. Contestants
alternate.

Ends with lines `programs: ours/peer = X (min–max over n pairs)`, the same for two cores against one (ours and bare
forks), and a job's peak memory for 2,000 programs and for eight times as many.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

PROGRAM = "import sys\nnumbers = list(map(int, sys.stdin.read().split()))\nprint(sum(numbers))\n"
TEST = {"input": " ".join(map(str, range(200))), "output": "19900\n"}
PROBLEM: dict[str, Any] = {"problem_id": "sum", "reference": [TEST]}
FORKS = """
import os, sys
for _ in range(int(sys.argv[1])):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
"""
MEMORY = """
import resource, sys
sys.path[:0] = [sys.argv[1]]
from monkeys.verification import Settings
from monkeys.verification.shard import verify_shard
verify_shard(*sys.argv[2:], "programs", Settings(threads=2))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@contextmanager
def cores(number: int) -> Iterator[None]:
    """Pin this process and its children to `number` cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def ours(runs: int, threads: int = 1) -> float:
    """Runs per second of distinct programs by our verifier, excluding its startup."""
    from monkeys.verification import Settings
    from monkeys.verification.verifiers.programs import Verifier

    with cores(threads), Verifier(Settings(threads=threads)) as judge, ThreadPoolExecutor(threads) as pool:

        def judge_batch(first: int) -> None:
            texts = [f"{PROGRAM}# {number}" for number in range(first, first + 50)]
            answers = [judge.extract(text) or "" for text in texts]
            assert all(verdict.outcome == "correct" for verdict in judge.verify(PROBLEM, answers))

        list(pool.map(judge_batch, range(0, 50 * threads, 50)))
        start = time.perf_counter()
        list(pool.map(judge_batch, range(0, runs, 50)))
        return runs / (time.perf_counter() - start)


def through_bash(runs: int) -> float:
    """Runs per second of the paper's method: a file, `bash` with a limit, an interpreter (without startup files)."""
    python = getattr(sys, "_base_executable", sys.executable)
    stdin = TEST["input"]
    with cores(1), tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        for number in range(runs):
            path = Path(folder) / f"{number}.py"
            path.write_text(PROGRAM)
            command = ["bash", "-c", f"ulimit -v 2000000000 && {python} -I -S {path}"]
            result = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=False)
            assert result.stdout.split() == ["19900"]
        return runs / (time.perf_counter() - start)


def bare_forks(runs: int, processes: int = 1) -> float:
    """Forks and exits per second of bare interpreters, one per core."""
    command = [getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-c", FORKS]

    def seconds(forks: int) -> float:
        start = time.perf_counter()
        interpreters = [subprocess.Popen([*command, str(forks)]) for _ in range(processes)]
        assert not any(process.wait() for process in interpreters)
        return time.perf_counter() - start

    with cores(processes):
        return runs / (seconds(runs // processes) - seconds(0))


@contextmanager
def samples_file(number: int) -> Iterator[tuple[str, str, str]]:
    """Paths of a problems file, of a samples file with `number` distinct programs, and for the verdicts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from monkeys.storage import SAMPLES, parquet_writer

    with tempfile.TemporaryDirectory() as folder:
        problems, samples, verdicts = (f"{folder}/{name}.parquet" for name in ("problems", "samples", "verdicts"))
        pq.write_table(pa.Table.from_pylist([PROBLEM]), problems)
        empty = dict.fromkeys(SAMPLES.names)
        rows = (
            {**empty, "problem_id": "sum", "sample": n, "text": f"```python\n{PROGRAM}# {n} {'x' * 2000}\n```"}
            for n in range(number)
        )
        with parquet_writer(samples, SAMPLES, {}, group_rows=1000) as add:  # a job holds one row group in memory
            for row in rows:
                add(row)
        yield problems, samples, verdicts


def memory(programs: int) -> float:
    """Peak memory of a job that verifies this number of programs, MiB."""
    with samples_file(programs) as paths:
        command = [sys.executable, "-c", MEMORY, str(ROOT / "workflow/scripts"), *paths]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def report(name: str, ratios: list[float]) -> None:
    """Print the median ratio and its range."""
    print(
        f"programs: {name} = {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f}–{max(ratios):.2f} over {len(ratios)} pairs)"
    )


def main() -> None:
    """Measure all pairs and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=1000)
    arguments = parser.parse_args()

    from monkeys.verification.sandbox import find

    level, _ = find()
    print("sandbox:", "bubblewrap" if level.bubblewrap else "namespaces" if level.namespaces else "Landlock, seccomp")
    contestants = {
        "ours": ours,
        "bash and an interpreter": lambda runs: through_bash(runs // 4),
        "bare fork and exit": bare_forks,
        "ours in two threads on two cores": lambda runs: ours(2 * runs, threads=2),
        "two bare forks and exits on two cores": lambda runs: bare_forks(2 * runs, processes=2),
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(arguments.pairs):
        names = list(contestants)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            rates[name].append(contestants[name](arguments.runs))
    for name, measured in rates.items():
        print(f"{name}: {statistics.median(measured):.0f} runs/s")
    few, many = memory(2000), memory(16_000)
    for peer in ("bash and an interpreter", "bare fork and exit"):
        report(f"ours/{peer}", [mine / theirs for mine, theirs in zip(rates["ours"], rates[peer], strict=True)])
    if len(os.sched_getaffinity(0)) > 1:
        for two, one in (
            ("ours in two threads on two cores", "ours"),
            ("two bare forks and exits on two cores", "bare fork and exit"),
        ):
            report(f"{two}/one", [many / single for many, single in zip(rates[two], rates[one], strict=True)])
    print(f"programs: peak memory {few:.0f} MiB for 2,000 programs, {many:.0f} MiB for 16,000")


if __name__ == "__main__":
    main()
