"""Time to verify MATH answers, compared with the loop of the paper's released code, on samples with repeated answers.

The samples are synthetic: a few problems with thousands of samples each, about 900 characters long, 6 % without an
answer, a fraction of right answers in several spellings, and some 500 distinct wrong answers, a few of them frequent.
Ours is the whole path from a samples file to a verdicts file, including the start of its worker. The peer is
lm-evaluation-harness (task minerva_math), whose functions the released code calls once per sample, on a subset of the
samples. Both are measured in CPU time, ours including all processes that it starts.

Ends with lines `math grading: ours/peer = X (min–max over n pairs)`, ratios of samples per CPU second, then the wall
time with two threads and the upper limit, which is extracting the answers alone. If published data is available
($SHARED_DATA, default ../shared/data), a table shows how graders agree with labelled pairs of answers.
"""

import argparse
import ctypes
import itertools
import json
import logging
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from monkeys.storage import SAMPLES, write_parquet  # noqa: E402
from monkeys.verification import Settings, load  # noqa: E402
from monkeys.verification.answers.equivalence import Equivalence  # noqa: E402
from monkeys.verification.answers.minerva import answer_in, normalised  # noqa: E402
from monkeys.verification.shard import verify_shard  # noqa: E402

PROBLEMS = pa.schema([("problem_id", pa.string()), ("reference", pa.string())])
DISTINCT, WITHOUT_ANSWER, LENGTH = 500, 0.06, 900
_PR_SET_CHILD_SUBREAPER = 36


def _number(dice: random.Random) -> str:
    return str(dice.randint(-60, 900))


def _fraction(dice: random.Random) -> str:
    return rf"{dice.choice(['', '-'])}\frac{{{dice.randint(1, 60)}}}{{{dice.randint(2, 40)}}}"


def _surd(dice: random.Random) -> str:
    return rf"{dice.randint(1, 12)}\sqrt{{{dice.randint(2, 40)}}}"


def _polynomial(dice: random.Random) -> str:
    a, b, c = (dice.randint(1, 9) for _ in range(3))
    return f"{a}x^2{dice.choice('+-')}{b}x{dice.choice('+-')}{c}"


def _pair(dice: random.Random) -> str:
    return rf"\left({dice.randint(-9, 9)},{_fraction(dice)}\right)"


KINDS: list[tuple[str, list[str], Callable[[random.Random], str]]] = [
    # gold answer, spellings of it, generator of wrong answers
    ("540", ["540", "540.0", r"540^\circ", r"540\text{ cm}"], _number),
    (r"\frac{7}{12}", [r"\frac{7}{12}", r"\dfrac{7}{12}", "7/12", r"\frac{14}{24}"], _fraction),
    ("2.25", ["2.25", r"\frac94", r"2\frac{1}{8}\cdot 1"], lambda dice: f"{dice.uniform(0, 9):.2f}"),
    (r"3\sqrt{5}", [r"3\sqrt{5}", r"\sqrt{45}", r"3\sqrt5"], _surd),
    (r"4x^2-4x+1", ["4x^2-4x+1", "(2x-1)^2", "1-4x+4x^2"], _polynomial),
    (r"\left(3,\frac{1}{2}\right)", [r"\left(3,\frac{1}{2}\right)", "(3, 0.5)"], _pair),
    (r"[2,5)", ["[2,5)", r"\left[2,5\right)"], lambda dice: f"[{dice.randint(-9, 9)},{dice.randint(10, 99)})"),
    (
        r"\frac{\pi}{6}",
        [r"\frac{\pi}{6}", r"\pi/6"],
        lambda dice: rf"\frac{{{dice.randint(2, 40)}\pi}}{{{_number(dice)}}}",
    ),
]
PROSE = [
    r"\text{even}",
    r"\text{cannot be determined}",
    "none of these",
    "x",
    r"\infty",
    r"2\pi r",
    "1,3",
    r"\emptyset",
]


def answers_to(
    gold: tuple[str, list[str], Callable[[random.Random], str]], samples: int, seed: str
) -> Iterator[str | None]:
    """Plausible answers to a problem; None for a sample without an answer."""
    dice = random.Random(seed)
    _, spellings, make = gold
    kinds = [make, make, make, *(other for _, _, other in KINDS)]
    wrong = list(dict.fromkeys([*PROSE, *(dice.choice(kinds)(dice) for _ in range(4 * DISTINCT))]))
    dice.shuffle(wrong)
    weights = [1 / rank for rank in range(1, DISTINCT + 1)]
    for answer in dice.choices(wrong[:DISTINCT], weights, k=samples):
        chance = dice.random()
        yield None if chance < WITHOUT_ANSWER else dice.choice(spellings) if chance < 0.36 else answer


def text_of(answer: str | None, dice: random.Random) -> str:
    """A sample with this answer."""
    working = "We simplify the expression, so that $x = 3 + 4 = 7$ and the claim follows. "
    text = (working * (LENGTH // len(working)))[: LENGTH - 100 + dice.randrange(50)] + f"({dice.random()})\n"
    return text if answer is None else f"{text}Final Answer: The final answer is ${answer}$. I hope it is correct."


def make_samples(folder: Path, problems: int, samples: int) -> list[tuple[str, str]]:
    """Write a problems file and a samples file; returns (gold answer, text) of all samples."""
    golds = dict(zip((str(n) for n in range(problems)), itertools.cycle(KINDS), strict=False))
    references = [{"problem_id": n, "reference": rf"It is $\boxed{{{kind[0]}}}$."} for n, kind in golds.items()]
    write_parquet(folder / "problems.parquet", PROBLEMS, references, {})
    dice = random.Random(0)
    rows: list[dict[str, Any]] = [
        {"problem_id": n, "sample": sample, "text": text_of(answer, dice)}
        for n, kind in golds.items()
        for sample, answer in enumerate(answers_to(kind, samples, n))
    ]
    write_parquet(folder / "samples.parquet", SAMPLES, rows, {})
    return [(golds[row["problem_id"]][0], row["text"]) for row in rows]


def cpu_seconds() -> float:
    """CPU time so far, including all descendants that have ended, seconds."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def ours(folder: Path, **settings: Any) -> tuple[float, float]:
    """Verify the samples file; returns CPU and wall seconds."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    problems, samples, verdicts = (str(folder / f"{name}.parquet") for name in ("problems", "samples", "verdicts"))
    verify_shard(problems, samples, verdicts, "minerva", Settings(**settings))
    wall = time.perf_counter() - wall
    return cpu_seconds() - cpu, wall


def peer(samples: list[tuple[str, str]]) -> float:
    """CPU seconds of the released code's loop."""
    from lm_eval.tasks.minerva_math import utils

    golds = {gold: utils.normalize_final_answer(gold) for gold in {gold for gold, _ in samples}}
    start = time.process_time()
    for gold, text in samples:
        answer = utils.normalize_final_answer(utils.get_unnormalized_answer(text))
        if answer != golds[gold]:
            utils.is_equiv(answer, golds[gold])
    return time.process_time() - start


def agreement(path: Path) -> Iterator[str]:
    """Lines of a table: how many of the pairs labelled equal, and of the others, each grader calls equal."""
    from lm_eval.tasks.minerva_math import utils
    from math_verify import parse, verify

    judge = Equivalence(Settings())

    def mine(answer: str, gold: str) -> bool:
        return judge.verdict(normalised(answer), normalised(gold)).outcome == "correct"

    def harness(answer: str, gold: str) -> bool:
        return utils.is_equiv(utils.normalize_final_answer(answer), utils.normalize_final_answer(gold))

    def math_verify(answer: str, gold: str) -> bool:
        return verify(*(parse(text if "$" in text else f"${text}$") for text in (gold, answer)))

    graders = {"ours": mine, "lm-eval minerva": harness, "Math-Verify": math_verify}
    pairs, found = Counter[tuple[str, bool]](), Counter[tuple[str, bool, str]]()
    for row in map(json.loads, path.read_text().splitlines()):
        source = row["source"].partition(":")[0]
        pairs[source, row["expected"]] += 1
        for name, grader in graders.items():
            found[source, row["expected"], name] += grader(row["pred"], row["gold"])
    judge.close()
    yield f"| source (equal / unequal pairs) | {' | '.join(graders)} |"
    yield "|---" * (1 + len(graders)) + "|"
    for source in sorted({source for source, _ in pairs}):
        cells = [f"{found[source, True, name]} / {found[source, False, name]}" for name in graders]
        yield f"| {source} ({pairs[source, True]} / {pairs[source, False]}) | {' | '.join(cells)} |"


def main() -> None:
    """Measure all pairs and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=8)
    parser.add_argument("--samples", type=int, default=10_000, help="per problem")
    parser.add_argument("--peer-samples", type=int, default=500, help="of all samples, in each pair")
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # so that CPU time of orphaned descendants counts
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = make_samples(folder, options.problems, options.samples)
        distinct = len({(gold, answer_in(text)) for gold, text in samples})
        print(f"{len(samples):,} samples of {options.problems} problems, {distinct:,} distinct answers", flush=True)
        peer(samples[:20])  # warm-up
        ratios = []
        for pair in range(options.pairs):
            chosen = random.Random(pair).sample(samples, options.peer_samples)
            theirs = peer(chosen) / len(chosen)
            mine = ours(folder)[0] / len(samples)
            print(
                f"ours {1e6 * mine:.0f} µs, lm-evaluation-harness {1e6 * theirs:.0f} µs of CPU time per sample",
                flush=True,
            )
            ratios.append(theirs / mine)
        second = ours(folder, second_opinion=True)[0] / len(samples)
        print(f"ours with a second opinion {1e6 * second:.0f} µs of CPU time per sample", flush=True)
        _, wall = ours(folder, threads=2)
    extract = load("minerva")(Settings()).extract
    start = time.process_time()
    for _, text in samples:
        extract(text)
    limit = len(samples) / (time.process_time() - start)
    pairs_file = Path(os.environ.get("SHARED_DATA", ROOT / "../shared/data")) / "graders/math_equivalence_pairs.jsonl"
    if pairs_file.exists():
        print(*agreement(pairs_file), sep="\n")
    spread = f"{min(ratios):.1f}–{max(ratios):.1f} over {len(ratios)} pairs"
    print(f"math grading: ours/lm-evaluation-harness = {statistics.median(ratios):.1f} ({spread})")
    print(f"math grading: {len(samples):,} samples with 2 threads in {wall:.1f} s of wall time")
    print(f"math grading: extracting the answers alone {limit:,.0f} samples/s")


if __name__ == "__main__":
    main()
