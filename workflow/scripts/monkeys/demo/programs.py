"""Short specifications whose solution is a Python program that reads stdin and writes stdout.

A specification is a chain of operations on a list of integers and a final output. Operations follow a Zipf law in
training, so a model has seen some a hundred times more often than others: with the length of the chain, that
spreads single-sample success from near one to very small.
"""

import contextlib
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

OPERATIONS = {
    # what the specification says: the Python expression over the list `a`; {k} is a small integer
    "keep the even numbers": "[x for x in a if x%2==0]",
    "sort them": "sorted(a)",
    "double each": "[x*2 for x in a]",
    "keep those above {k}": "[x for x in a if x>{k}]",
    "reverse the order": "a[::-1]",
    "add {k} to each": "[x+{k} for x in a]",
    "square each": "[x*x for x in a]",
    "drop the first": "a[1:]",
    "keep the odd numbers": "[x for x in a if x%2==1]",
    "multiply each by {k}": "[x*{k} for x in a]",
    "keep those below {k}": "[x for x in a if x<{k}]",
    "take absolute values": "[abs(x) for x in a]",
    "drop the last": "a[:-1]",
    "keep the multiples of {k}": "[x for x in a if x%{k}==0]",
    "negate each": "[-x for x in a]",
    "keep the first {k}": "a[:{k}]",
    "remove duplicates and sort": "sorted(set(a))",
    "take every second": "a[::2]",
    "take remainders modulo {k}": "[x%{k} for x in a]",
    "sort from large to small": "sorted(a)[::-1]",
    "keep the last {k}": "a[-{k}:]",
    "take running sums": "[sum(a[:i+1]) for i in range(len(a))]",
    "take differences of neighbours": "[y-x for x,y in zip(a,a[1:])]",
    "take digit sums": "[sum(map(int,str(abs(x)))) for x in a]",
}
OUTPUTS = {
    "the sum": "sum(a)",
    "the list": "*a",
    "how many are left": "len(a)",
    "the largest": "max(a,default=0)",
    "the smallest": "min(a,default=0)",
    "the number of different values": "len(set(a))",
    "the sum of squares": "sum(x*x for x in a)",
    "the largest minus the smallest": "max(a,default=0)-min(a,default=0)",
}
READ = "a=[int(x) for x in input().split()]"

ZIPF = 1.3
"""Exponent of the training frequencies, by position in the tables above."""

TRAIN_LENGTHS = (0.30, 0.30, 0.22, 0.12, 0.06)
"""Training weights of chains of 1…5 operations."""


@dataclass(frozen=True)
class Program:
    """A specification with its reference solution; `operations` is the length of the chain."""

    specification: str
    solution: str
    operations: int


@dataclass(frozen=True)
class Case:
    """What a correct program prints for one input."""

    input: str
    output: str


def _program(rng: random.Random, length: int, zipf: float) -> Program:
    """A random chain of `length` operations, the i-th of a table drawn with weight (i + 1)^-zipf."""

    def draw(table: dict[str, str]) -> tuple[str, str]:
        ((text, code),) = rng.choices(list(table.items()), [(i + 1) ** -zipf for i in range(len(table))])
        k = str(rng.randrange(2, 10))
        return text.replace("{k}", k), code.replace("{k}", k)

    chain = [draw(OPERATIONS) for _ in range(length)]
    output_text, output_code = draw(OUTPUTS)
    specification = f"Read integers, {', '.join(text for text, _ in chain)}. Print {output_text}."
    lines = [READ, *(f"a={code}" for _, code in chain), f"print({output_code})"]
    return Program(specification, "\n".join(lines), length)


def test_cases(program: Program, seed: int, count: int = 6) -> list[Case]:
    """Random inputs and what the reference solution prints for them."""
    rng = random.Random(f"{seed} {program.specification}")
    cases = []
    for _ in range(count):
        numbers = [rng.randrange(-30, 100) for _ in range(rng.randrange(6, 13))]
        line = " ".join(map(str, numbers))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(program.solution, {"input": lambda line=line: line})  # our own generated text, never a sample
        cases.append(Case(line + "\n", printed.getvalue()))
    return cases


def held_out_set(seed: int, per_level: int, levels: int) -> list[Program]:
    """`per_level` programs of each chain length 1…`levels`, all operations equally likely.

    A set with more programs per level, or more levels, contains the smaller one.
    """
    programs: dict[str, Program] = {}
    for length in range(1, levels + 1):
        rng = random.Random(f"programs held out {seed} {length}")
        wanted = len(programs) + per_level
        while len(programs) < wanted:
            program = _program(rng, length, zipf=0)
            outputs = {case.output for case in test_cases(program, seed)}
            if len(outputs) > 2:  # else a wrong program could pass by printing a constant
                programs.setdefault(program.specification, program)
    return list(programs.values())


def training_set(seed: int, excluded: set[str]) -> Iterator[Program]:
    """Endless training programs, none with a specification in `excluded`."""
    rng = random.Random(f"programs train {seed}")
    while True:
        (length,) = rng.choices(range(1, len(TRAIN_LENGTHS) + 1), TRAIN_LENGTHS)
        program = _program(rng, length, ZIPF)
        if program.specification not in excluded:
            yield program
