"""The interface of verifiers, their settings and their verdicts."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

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
"""All outcomes. `verifier_error` means that the machine failed, not the sample; it is never counted as wrong."""


@dataclass(frozen=True)
class Verdict:
    """A verifier's judgement of one sample."""

    outcome: str
    answer: str | None = None
    """The extracted final answer; None if there is none (no answer, or a program)."""
    second_opinion: str | None = None
    """Another grader's outcome, if one was asked."""
    certain: bool = True
    """False if system load may have affected the outcome; the answer is then re-judged alone."""
    repeat_outcome: str | None = None
    """Outcome if re-judging alone fails as well, so that the answer itself is the cause; None keeps `outcome`."""

    def settled(self) -> "Verdict":
        """The final verdict after the answer was re-judged."""
        return self if self.certain else replace(self, outcome=self.repeat_outcome or self.outcome, certain=True)


@dataclass(frozen=True)
class Lean:
    """The Lean 4 installation that checks proofs; docs/lean.md explains how to prepare it."""

    project: str | None = None
    """Folder of a Lake project that has Mathlib."""
    repl: str | None = None
    """Executable of leanprover-community/repl, built with the project's toolchain."""
    toolchain: str | None = None
    """Required content of the project's file `lean-toolchain`; None accepts any."""
    header: str = "import Mathlib\nopen BigOperators Real Nat Topology"
    """Lean source that precedes every proof."""
    proofs_per_process: int = 200
    """Proofs after which a REPL is restarted, since it never frees an environment."""


@dataclass(frozen=True)
class Settings:
    """Verification settings of one task."""

    cpu_seconds: float = 5
    """CPU time limit of one run or one comparison of answers, seconds."""
    memory_mb: int = 1024
    """Address space limit of one run or of the comparing process, MiB."""
    allow_unsandboxed: bool = False
    """Run programs even on a machine that cannot isolate them."""
    second_opinion: bool = False
    """Also judge math answers with Math-Verify."""
    lists: str = "whole"
    """How MATH answers such as `1,2` are compared: as a `whole`, or by their `first` element only, as in the paper."""
    threads: int = 1
    """Maximum number of concurrent calls of `verify`."""
    lean: Lean = Lean()
    options: Any = None
    """The verifier's own options, an instance of its `Options`; None if it has none."""


VERDICT_COLUMNS = ("reference", "cpu_seconds", "memory_mb")
"""Columns of the problems file that verdicts depend on; the last two are per-problem limits."""


class Verifier(ABC):
    """Judges the samples of one task.

    To add a verifier, define a subclass named `Verifier` in its own module of `monkeys.verification.verifiers`. It must
    stop everything it starts (processes, a sandbox) in `__exit__`.
    """

    version: int
    """Increase this whenever verdicts may change; samples are then verified again."""
    threads: int = 1
    """Maximum useful number of threads."""
    votes: bool = False
    """Whether its verdicts contain answers that a majority vote can use."""
    resident_mb: int | None = None
    """Resident memory of one thread, MiB, if it is less than the address space limit."""
    seconds: float = 0.01
    """Time per sample on one thread, seconds; a generous estimate from which jobs request their runtime."""
    lists: bool = False
    """Whether it uses `Settings.lists`."""
    second_grader: str | None = None
    """Name of the grader that gives second opinions; None if there is none."""
    Options: ClassVar[type[Any] | None] = None
    """Frozen dataclass of the verifier's own options, a task's `verifier_options`; None if it has none."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def guarantees(self) -> dict[str, object]:
        """Observed guarantees of the isolation of model-written code; empty if no such code is executed."""
        return {}

    @staticmethod
    def check(problem: Mapping[str, Any]) -> None:
        """Check that a problem can be verified; called for every problem before sampling.

        Raises:
            ValueError: its `reference` is not what this verifier needs.
        """
        return None

    @staticmethod
    def check_setup(settings: Settings) -> None:
        """Check that the installation this verifier needs is present; called where Snakemake runs, before sampling.

        Raises:
            RuntimeError: it is not; the message says what to do.
        """
        return None

    @staticmethod
    def gold(problem: Mapping[str, Any]) -> str | None:
        """The right answer in human-readable form; None if there is no single right answer."""
        return None

    @staticmethod
    def canonical(answer: str) -> str:
        """Cheap canonical form of an answer; answers with the same form are pooled in a vote."""
        return answer

    def extract(self, text: str) -> str | None:
        """The part of a sample that its verdict depends on; None if it contains no answer.

        Called for every sample, so it must be fast. Each distinct answer to a problem is judged once.
        """
        return text

    @abstractmethod
    def verify(self, problem: Mapping[str, Any], answers: Sequence[str]) -> Iterable[Verdict]:
        """Judge extracted answers to one problem: one verdict per answer, in order.

        Called from several threads at once. The grouping of answers into calls does not depend on the thread count.

        Args:
            problem: A row of the problems file.
            answers: At most `shard.BATCH_SIZE` distinct answers, as returned by `extract`.
        """
