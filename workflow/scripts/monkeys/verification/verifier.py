"""What every verifier is: one class, one small interface."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

OUTCOMES = (
    "correct",
    "wrong",
    "no_answer",
    "syntax_error",
    "runtime_error",
    "timeout",
    "memory_limit",
    "output_limit",
    "verifier_error",
)
"""All outcomes. `verifier_error` says that the machine failed, not the sample: it is never counted as wrong."""


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one sample."""

    outcome: str
    answer: str | None = None
    """The final answer as the verifier read it; None where there is none to speak of (programs, no answer)."""
    second_opinion: str | None = None
    """The outcome by another grader, where one was asked."""
    certain: bool = True
    """False if system load may have affected the outcome; the answer is then judged again alone."""
    if_again: str | None = None
    """Outcome if judging it alone fails as well, which is then the answer's own doing; None keeps `outcome`."""

    def settled(self) -> "Verdict":
        """What is to stand after the answer was judged again."""
        return self if self.certain else replace(self, outcome=self.if_again or self.outcome, certain=True)


@dataclass(frozen=True)
class Lean:
    """The Lean 4 that checks proofs; docs/lean.md says how it is prepared."""

    project: str | None = None
    """Folder of a Lake project that has Mathlib."""
    repl: str | None = None
    """Executable of leanprover-community/repl, built with the project's toolchain."""
    toolchain: str | None = None
    """What the project's file `lean-toolchain` must say; None takes any."""
    header: str = "import Mathlib\nopen BigOperators Real Nat Topology"
    """What every proof is checked after."""
    proofs_per_process: int = 200
    """A REPL keeps every environment for ever, so it is started anew after so many."""


@dataclass(frozen=True)
class Settings:
    """How the samples of one task are verified."""

    cpu_seconds: float = 5
    """CPU time that one run, or one comparison of answers, may take."""
    memory_mb: int = 1024
    """Address space of one run or of the comparing process, MiB."""
    allow_unsandboxed: bool = False
    """Run programs also on a machine that cannot isolate them."""
    second_opinion: bool = False
    """Have math answers judged by Math-Verify, too."""
    lists: str = "whole"
    """How MATH answers such as `1,2` are compared: as a `whole`, or by the `first` element alone, as the paper did."""
    threads: int = 1
    """How many calls of `verify` there may be at once."""
    lean: Lean = Lean()


JUDGED_BY = ("reference", "cpu_seconds", "memory_mb")
"""Columns of the problems file that verdicts depend on; the last two hold limits of a problem's own."""


class Verifier(ABC):
    """Judges the samples of one task.

    A subclass named `Verifier`, in a module of its own in `monkeys.verification.verifiers`, is all that a new verifier
    needs. What it starts (processes, a sandbox) it ends in `__exit__`.
    """

    version: int
    """Raised whenever verdicts may come out differently: samples are then verified again."""
    threads: int = 1
    """Maximum useful number of threads."""
    votes: bool = False
    """Whether its verdicts hold answers that can be voted on."""
    resident_mb: int | None = None
    """Memory that one thread really holds, MiB, where that is less than the address space that the limits give it."""
    seconds: float = 0.01
    """Time of one sample on one thread, seconds: more than most take. Jobs ask for as much."""
    lists: bool = False
    """Whether it heeds how lists are to be compared."""
    second_grader: str | None = None
    """Who is asked for a second opinion; None if nobody can be."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def guarantees(self) -> dict[str, Any]:
        """What the isolation of models' programs was seen to prevent; empty where nothing is executed."""
        return {}

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """See whether a problem can be verified at all; called for every problem before any sampling.

        Raises:
            ValueError: its `reference` is not what this verifier needs.
        """
        return None

    @staticmethod
    def prepared(settings: Settings) -> None:
        """See whether what must be set up beforehand is there; called where Snakemake runs, before any sampling.

        Raises:
            RuntimeError: it is not; the message says what to do.
        """
        return None

    @staticmethod
    def gold(problem: Mapping[str, Any]) -> str | None:
        """The right answer as people read it; None where there is not the one right answer."""
        return None

    @staticmethod
    def spelling(answer: str) -> str:
        """Cheap canonical form of an answer; answers with the same form are pooled in a vote."""
        return answer

    def extract(self, text: str) -> str | None:
        """The part of a sample that its verdict depends on; None if there is no answer in it.

        It is called for every sample, so it must be fast. Samples of a problem from which the same was extracted
        are judged once.
        """
        return text

    @abstractmethod
    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterable[Verdict]:
        """Judge extracted answers to one problem, each with a verdict of its own, in their order.

        It is called from several threads at once. How answers are cut into calls does not depend on their number.

        Args:
            problem: A row of the problems file.
            answers: At most `shard.TOGETHER` distinct answers, as `extract` gave them.
        """
