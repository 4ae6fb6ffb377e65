"""What samples cost, in FLOPs or dollars, and what coverage they buy."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from monkeys.analysis.coverage import pass_at_k


@dataclass(frozen=True)
class Architecture:
    """What the FLOPs of a dense transformer follow from."""

    parameters: float
    layers: int
    hidden_size: int

    def flops(self, tokens: ArrayLike, context: ArrayLike = 0) -> NDArray[np.float64]:
        """FLOPs of reading or writing so many tokens after `context` others; shape of the two, broadcast.

        The t-th token of a text costs 2 (parameters + 2 layers hidden_size t) (Brown et al. 2024, arXiv 2407.21787,
        section 2.3), here summed over t = context + 1 … context + tokens.
        """
        n, before = np.asarray(tokens, dtype=np.float64), np.asarray(context, dtype=np.float64)
        return 2 * (self.parameters * n + 2 * self.layers * self.hidden_size * (n * before + n * (n + 1) / 2))


def flops_of_tally(tally: pd.DataFrame, architecture: Architecture) -> pd.DataFrame:
    """FLOPs per problem: of its prompt, and of an average sample.

    A sample of mean length stands for all. FLOPs are convex in the length, so the average is too low, by
    2 layers hidden_size times the variance of the lengths.

    Args:
        tally: Columns problem_id, samples, prompt_tokens, generated_tokens and, if there were any, verifier_error.
        architecture: Architecture of the model.

    Returns:
        Columns problem_id, first (once, whatever the number of samples), per_sample; NaN where lengths are unknown.
    """
    prompt, length = _tokens(tally)
    return pd.DataFrame(
        {
            "problem_id": tally["problem_id"],
            "first": architecture.flops(prompt),
            "per_sample": architecture.flops(length, prompt),
        }
    )


@dataclass(frozen=True)
class Price:
    """What a provider charges, in dollars."""

    prompt: float = 0.0
    """Per million tokens of prompts."""
    generated: float = 0.0
    """Per million generated tokens."""
    sample: float = 0.0
    """Per sample, whatever its length."""


def dollars(tally: pd.DataFrame, price: Price, samples_per_request: int = 1) -> pd.DataFrame:
    """Dollars per problem and sample.

    Args:
        tally: Columns problem_id, samples, prompt_tokens, generated_tokens and, if there were any, verifier_error.
        price: Of the model.
        samples_per_request: How many samples share the price of one prompt.

    Returns:
        Columns problem_id, first (0: every request is charged), per_sample (on average); NaN where tokens are charged
        whose number is unknown.
    """
    prompt, length = _tokens(tally)
    per_sample = np.full(len(tally), price.sample)
    if price.prompt:
        per_sample += price.prompt * prompt / samples_per_request / 1e6
    if price.generated:
        per_sample += price.generated * length / 1e6
    return pd.DataFrame({"problem_id": tally["problem_id"], "first": 0.0, "per_sample": per_sample})


def _tokens(tally: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length of the prompt and mean length of a sample in tokens, by problem; NaN where unknown."""
    prompt, generated, samples = (
        tally[column].to_numpy(np.float64, na_value=np.nan)
        for column in ("prompt_tokens", "generated_tokens", "samples")
    )
    if "verifier_error" in tally:  # generated, but not counted as samples
        samples = samples + tally["verifier_error"].fillna(0).to_numpy(np.float64)
    return prompt, np.divide(generated, samples, out=np.full(len(tally), np.nan), where=samples > 0)


def cost_curve(curve: pd.DataFrame, first: ArrayLike, per_sample: ArrayLike) -> pd.DataFrame:
    """A coverage curve with what its samples cost, for one problem on average (Brown et al. 2024, Fig. 4).

    Args:
        curve: Column k, and coverage or others, which are kept.
        first: Cost whatever the number of samples, one number or one per problem.
        per_sample: Cost of each sample, the same.

    Returns:
        The curve with the column cost = mean first + k · mean per_sample; NaN if one of them is unknown.
    """
    return curve.assign(cost=np.mean(np.asarray(first)) + curve["k"] * np.mean(np.asarray(per_sample)))


def expected_samples(samples: ArrayLike, correct: ArrayLike, cap: int) -> NDArray[np.float64]:
    """Mean number of samples until the first correct one, or `cap` if that comes first, for a perfect verifier.

    E min(T, cap) = Σ_{t<cap} P(the first t are wrong), with the unbiased 1 − pass@t for each term; the sum is
    (N + 1) / (C + 1) · pass@cap of C + 1 correct among N + 1.

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,).
        cap: Samples after which one gives up, at least 1.

    Returns:
        Shape (problems,), without bias for every C; NaN where cap > N + 1, whose terms N samples say nothing about.

    Raises:
        ValueError: C outside 0…N, or a cap that is not a positive integer.
    """
    n, c = np.asarray(samples, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    return (n + 1) / (c + 1) * pass_at_k(n + 1, c + 1, [cap])[:, 0]


def pareto(frame: pd.DataFrame) -> pd.Series:
    """Which rows (columns cost, coverage) no other row beats: none is at least as good in both, and better in one.

    Costs that agree to twelve digits are equal, so that rounding puts nothing on the front.

    Returns:
        Booleans with the frame's index; false where cost or coverage is NaN.
    """
    frame = frame.assign(cost=[float(f"{cost:.12g}") for cost in frame["cost"]])
    best = frame.dropna(subset=["cost", "coverage"]).groupby("cost")["coverage"].max()  # by increasing cost
    unbeaten = best[best > best.cummax().shift(fill_value=-np.inf)]
    return frame["coverage"] == frame["cost"].map(unbeaten)


def cost_effectiveness(rows: pd.DataFrame) -> pd.DataFrame:
    """What solving costs, as in Table 1 of Brown et al. 2024.

    Args:
        rows: Columns per_sample (dollars), k (samples per problem), problems, and others, which are kept.

    Returns:
        The rows with the columns total (per_sample · k · problems) and relative (total / the smallest total).
    """
    total = rows["per_sample"] * rows["k"] * rows["problems"]
    return rows.assign(total=total, relative=total / total.min())
