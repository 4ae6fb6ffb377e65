"""What a config says about verification and analysis of all tasks and models."""

from typing import Annotated, Literal

from pydantic import Field

from monkeys import verification
from monkeys.settings import AsWritten, PositiveInt, Settings

Over = Literal["problems", "samples", "none"]
"""What would be drawn again if a study were repeated: problems with their samples, samples alone, or no interval."""


class Lean(Settings):
    """The Lean 4 installation that checks proofs, set up once as described in docs/lean.md."""

    project: str | None = None
    """Folder of a Lake project with Mathlib."""
    repl: str | None = None
    """Executable of leanprover-community/repl, built with the project's toolchain."""
    toolchain: str | None = None
    """Required contents of the project's file lean-toolchain, such as leanprover/lean4:v4.34.0; null accepts any and
    records it."""
    header: str = verification.Lean.header
    """Lean code that precedes every proof."""
    proofs_per_process: PositiveInt = verification.Lean.proofs_per_process
    """Number of proofs after which a REPL, whose memory only grows, is restarted."""


class Verification(Settings):
    """How samples are verified."""

    allow_unsandboxed: bool = False
    """Run models' programs even on a machine that cannot sandbox them."""
    lean: Lean = Lean()
    """The Lean 4 installation that checks proofs, set up once as described in docs/lean.md."""


class Audit(Settings):
    """Manual grading of correct samples: which ones the rule audit draws, and the grades."""

    bins: list[Annotated[float, Field(gt=0, lt=1), AsWritten]] = [0.1, 0.25, 0.75]
    """Edges between bins of solve rates, increasing, between 0 and 1."""
    per_bin: list[PositiveInt] = [15, 30, 30, 30]
    """Samples drawn from each bin, one number more than edges; by default those of the paper (Table 2)."""
    graded: dict[str, dict[str, str]] = {}
    """Files with grades, by task and model, kept outside the results."""


class Analysis(Settings):
    """Settings of curves and tables."""

    intervals: Over = "problems"
    """Which coverage the intervals hold: problems, that of all problems of the same kind, of which these were drawn;
    samples, that of these very problems with infinitely many samples; none, no intervals."""
    bootstrap_resamples: Annotated[int, Field(ge=100, le=100_000)] = 1000
    """Studies simulated for intervals over problems (a parametric bootstrap); `intervals: none` for no intervals."""
    confidence: Annotated[float, Field(gt=0, lt=1), AsWritten] = 0.95
    """Confidence level of the intervals, between 0 and 1."""
    vote_subsets: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Random subsets of the samples per k over which votes are averaged."""
    target_coverage: Annotated[float, Field(gt=0, lt=1), AsWritten] = 0.9
    """Coverage until which the target forecast predicts samples, GPU hours and dollars, between 0 and 1."""
    audit: Audit = Audit()
    """Manual grading of correct samples: which ones the rule audit draws, and the grades."""
