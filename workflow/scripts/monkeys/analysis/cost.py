"""Cost of samples, in FLOPs or dollars, and of the coverage that they reach."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from monkeys.analysis.coverage import pass_at_k


@dataclass(frozen=True)
class Architecture:
    """Size of a dense transformer, which determines its FLOPs."""

    parameters: float
    layers: int
    hidden_size: int

    def flops(self, tokens: ArrayLike, context: ArrayLike = 0) -> NDArray[np.float64]:
        """FLOPs of reading or writing `tokens` tokens after `context` others; shape of the two, broadcast.

        The t-th token of a text costs 2 (parameters + 2 layers hidden_size t) (Brown et al. 2024, arXiv 2407.21787,
        section 2.3), here summed over t = context + 1 … context + tokens.
        """
        n, before = np.asarray(tokens, dtype=np.float64), np.asarray(context, dtype=np.float64)
        return 2 * (self.parameters * n + 2 * self.layers * self.hidden_size * (n * before + n * (n + 1) / 2))


def flops_of_tally(tally: pd.DataFrame, architecture: Architecture, shares_prompt: bool = True) -> pd.DataFrame:
    """FLOPs of the prompt and of a mean sample, per problem.

    Every sample counts as one of mean length. FLOPs are convex in the length, so this underestimates the mean by
    2 layers hidden_size times the variance of the lengths.

    Args:
        tally: Columns problem_id, samples, prompt_tokens, generated_tokens and, if there were any, verifier_error.
        architecture: Architecture of the model.
        shares_prompt: All samples of a problem continue one prompt, which is computed once. Otherwise each sample has
            prompts of its own, computed without saving anything for what they have in common: an upper bound.

    Returns:
        Columns problem_id, first (once per problem, for any number of samples), per_sample; NaN where lengths are
        unknown.
    """
    prompt, length = mean_lengths(tally)
    prompts, samples = architecture.flops(prompt), architecture.flops(length, prompt)
    first, per_sample = (prompts, samples) if shares_prompt else (0 * prompts, prompts + samples)
    return pd.DataFrame({"problem_id": tally["problem_id"], "first": first, "per_sample": per_sample})


@dataclass(frozen=True)
class Price:
    """Prices of a provider, in dollars."""

    prompt: float = 0.0
    """Per million tokens of prompts."""
    generated: float = 0.0
    """Per million generated tokens."""
    sample: float = 0.0
    """Per sample, regardless of its length."""


def dollars(tally: pd.DataFrame, price: Price, samples_per_request: int = 1) -> pd.DataFrame:
    """Dollars per sample, by problem.

    Args:
        tally: Columns problem_id, samples, prompt_tokens, generated_tokens and, if there were any, verifier_error.
        price: Prices of the model.
        samples_per_request: Number of samples that share the price of one prompt.

    Returns:
        Columns problem_id, first (0: prompts are charged per request), per_sample (mean); NaN where tokens are charged
        but their number is unknown.
    """
    prompt, length = mean_lengths(tally)
    per_sample = np.full(len(tally), price.sample)
    if price.prompt:
        per_sample += price.prompt * prompt / samples_per_request / 1e6
    if price.generated:
        per_sample += price.generated * length / 1e6
    return pd.DataFrame({"problem_id": tally["problem_id"], "first": 0.0, "per_sample": per_sample})


def mean_lengths(tally: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Prompt length and mean sample length in tokens, by problem; NaN where unknown.

    Args:
        tally: Columns samples, prompt_tokens, generated_tokens and, if there were any, verifier_error.
    """
    prompt, generated, samples = (
        tally[column].to_numpy(np.float64, na_value=np.nan)
        for column in ("prompt_tokens", "generated_tokens", "samples")
    )
    if "verifier_error" in tally:  # generated, but not counted as samples
        samples = samples + tally["verifier_error"].fillna(0).to_numpy(np.float64)
    return prompt, np.divide(generated, samples, out=np.full(len(tally), np.nan), where=samples > 0)


def cost_curve(curve: pd.DataFrame, first: ArrayLike, per_sample: ArrayLike) -> pd.DataFrame:
    """A coverage curve with the mean cost of its samples per problem (Brown et al. 2024, Fig. 4).

    Args:
        curve: Column k; other columns are kept.
        first: Cost incurred once per problem, one number or one per problem.
        per_sample: Cost of each sample, one number or one per problem.

    Returns:
        The curve with the column cost = mean first + k · mean per_sample; NaN if either is unknown.
    """
    return curve.assign(cost=np.mean(np.asarray(first)) + curve["k"] * np.mean(np.asarray(per_sample)))


def expected_samples(samples: ArrayLike, correct: ArrayLike, cap: int) -> NDArray[np.float64]:
    """Expected number of samples until the first correct one, at most `cap`, given a perfect verifier.

    E min(T, cap) = Σ_{t<cap} P(the first t are wrong), with the unbiased 1 − pass@t for each term; the sum is
    (N + 1) / (C + 1) · pass@cap of C + 1 correct among N + 1.

    Args:
        samples: N, per problem, shape (problems,).
        correct: C, per problem, shape (problems,).
        cap: Number of samples after which sampling stops, at least 1.

    Returns:
        Shape (problems,), unbiased for every C; NaN where cap > N + 1, which N samples cannot estimate.

    Raises:
        ValueError: C outside 0…N, or a cap that is not a positive integer.
    """
    n, c = np.asarray(samples, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    return (n + 1) / (c + 1) * pass_at_k(n + 1, c + 1, [cap])[:, 0]


def is_pareto_optimal(frame: pd.DataFrame) -> pd.Series:
    """Whether each row (columns cost, coverage) is on the Pareto front.

    A row is on it if no other row is at least as good in both and better in one. Costs that agree to twelve digits
    count as equal, so that rounding errors put nothing on the front.

    Returns:
        Booleans with the frame's index; false where cost or coverage is NaN.
    """
    frame = frame.assign(cost=[float(f"{cost:.12g}") for cost in frame["cost"]])
    best = frame.dropna(subset=["cost", "coverage"]).groupby("cost")["coverage"].max()  # by increasing cost
    unbeaten = best[best > best.cummax().shift(fill_value=-np.inf)]
    return frame["coverage"] == frame["cost"].map(unbeaten)


def cost_effectiveness(rows: pd.DataFrame) -> pd.DataFrame:
    """Total and relative cost, as in Table 1 of Brown et al. 2024.

    Args:
        rows: Columns per_sample (dollars), k (samples per problem), problems; other columns are kept.

    Returns:
        The rows with the columns total (per_sample · k · problems) and relative (total / the smallest total).
    """
    total = rows["per_sample"] * rows["k"] * rows["problems"]
    return rows.assign(total=total, relative=total / total.min())
