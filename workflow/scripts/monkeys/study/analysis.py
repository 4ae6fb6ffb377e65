"""What a config says about verification and analysis of all tasks and models."""

from typing import Annotated

from pydantic import Field

from monkeys.settings import AsWritten, PositiveInt, Settings


class Lean(Settings):
    """The Lean 4 that checks proofs, prepared once as docs/lean.md says."""

    project: str | None = None
    """Folder of a Lake project that has Mathlib."""
    repl: str | None = None
    """Executable of leanprover-community/repl, built with the project's toolchain."""
    toolchain: str | None = None
    """What the project's file lean-toolchain must say, such as leanprover/lean4:v4.34.0; null takes any and records
    it."""
    header: str = "import Mathlib\nopen BigOperators Real Nat Topology"
    """Text that precedes every proof."""
    proofs_per_process: PositiveInt = 200
    """Proofs after which a REPL, which forgets nothing, is restarted."""


class Verification(Settings):
    """How samples are verified."""

    allow_unsandboxed: bool = False
    """Run models' programs also on a machine that cannot isolate them."""
    lean: Lean = Lean()
    """The Lean 4 that checks proofs, prepared once as docs/lean.md says."""


class Audit(Settings):
    """Which correct samples are drawn for people to grade (rule audit), and what they found."""

    bins: list[Annotated[float, Field(gt=0, lt=1), AsWritten]] = [0.1, 0.25, 0.75]
    """Edges between bins of solve rates, increasing, between 0 and 1."""
    per_bin: PositiveInt = 30
    """Samples drawn from every bin."""
    graded: dict[str, dict[str, str]] = {}
    """Files that came back with grades, by task and model, kept outside the results."""


class Analysis(Settings):
    """How curves and tables are computed."""

    bootstrap_resamples: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    """Resamples of the problems for intervals; 0 draws none."""
    confidence: Annotated[float, Field(gt=0, lt=1), AsWritten] = 0.95
    """Probability content of the intervals, between 0 and 1."""
    vote_subsets: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Random subsets of the samples for every k, over which votes are averaged."""
    audit: Audit = Audit()
    """Which correct samples are drawn for people to grade (rule audit), and what they found."""
