"""What flaws of problems and verifiers do to coverage: leaving problems out, and grading correct samples by hand."""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from monkeys.analysis.coverage import coverage

GRADES = ("correct", "incorrect", "wrong_gold")
"""Is the reasoning sound? Or is it the reference that is wrong?"""


def without(tally: pd.DataFrame, ids: Collection[str]) -> pd.DataFrame:
    """The tally (column problem_id) without some problems.

    Raises:
        ValueError: problems that are not in the tally, with their names.
    """
    unknown = sorted(set(ids) - set(tally["problem_id"]))
    if unknown:
        raise ValueError(f"there is no problem {', '.join(unknown)} to leave out")
    return tally[~tally["problem_id"].isin(list(ids))].reset_index(drop=True)


def effect(tally: pd.DataFrame, ids: Collection[str], ks: ArrayLike) -> pd.DataFrame:
    """Coverage with and without some problems (Brown et al. 2024, Fig. 9).

    Args:
        tally: Columns problem_id, samples, correct; a row per problem.
        ids: The problems to leave out.
        ks: Numbers of samples, shape (ks,).

    Returns:
        Columns k, coverage_all, coverage_kept (NaN where k exceeds a problem's samples, or nothing is kept),
        problems_all, problems_kept.
    """
    kept = without(tally, ids)
    return pd.DataFrame(
        {
            "k": np.asarray(ks),
            "coverage_all": coverage(tally["samples"], tally["correct"], ks),
            "coverage_kept": coverage(kept["samples"], kept["correct"], ks) if len(kept) else np.nan,
            "problems_all": len(tally),
            "problems_kept": len(kept),
        }
    )


def audit(
    samples: pd.DataFrame,
    verdicts: pd.DataFrame,
    problems: pd.DataFrame,
    bins: Sequence[float],
    per_bin: Sequence[int],
    seed: int = 0,
) -> pd.DataFrame:
    """Correct samples for people to grade, who see whether the reasoning is right or only the answer.

    From each bin of solve rates, samples are drawn at random and spread over its problems as evenly as can be: of 5
    problems 3 each for 15 samples, of 84 problems 30 give one each for 30 (Brown et al. 2024, arXiv
    2407.21787, Table 2).

    Args:
        samples: Columns problem_id, sample, text.
        verdicts: Columns problem_id, sample, outcome.
        problems: Columns problem_id, question, reference.
        bins: Increasing edges; a rate on an edge belongs to the bin above, one on the last edge to the last bin.
        per_bin: Samples to draw from each bin, or all correct ones if there are fewer.
        seed: Of the draw.

    Returns:
        Columns bin, problems (with a correct sample in that bin), problem_id, solve_rate, sample, question, reference,
        text and grade, which is empty, sorted by bin, problem_id and sample.

    Raises:
        ValueError: not one number of samples per bin.
    """
    if len(per_bin) != len(bins) - 1:
        raise ValueError(f"{len(bins) - 1} bins, but {len(per_bin)} numbers of samples to draw")
    wanted = {f"{100 * low:g}–{100 * high:g} %": n for (low, high), n in zip(pairwise(bins), per_bin, strict=True)}
    judged = verdicts.loc[verdicts["outcome"] != "verifier_error", ["problem_id", "sample", "outcome"]]
    judged = judged.astype({"problem_id": str}).assign(correct=judged["outcome"] == "correct")
    judged["solve_rate"] = judged.groupby("problem_id")["correct"].transform("mean")
    edges = [*bins[:-1], np.nextafter(bins[-1], np.inf)]
    judged["bin"] = pd.cut(judged["solve_rate"], edges, right=False, labels=list(wanted))
    chosen = judged[judged["correct"] & judged["bin"].notna()].sample(frac=1, random_state=np.random.default_rng(seed))
    chosen["problems"] = chosen.groupby("bin", observed=True)["problem_id"].transform("nunique")
    # first one sample of every problem, then a second, and so on; within a round the order stays random
    chosen["round"] = chosen.groupby("problem_id").cumcount()
    chosen = chosen.sort_values("round", kind="stable")
    chosen = chosen[chosen.groupby("bin", observed=True).cumcount() < chosen["bin"].map(wanted).astype(int)]
    texts = samples[["problem_id", "sample", "text"]].astype({"problem_id": str})
    told = problems[["problem_id", "question", "reference"]].astype({"problem_id": str})
    whole = chosen.merge(texts, on=["problem_id", "sample"]).merge(told, on="problem_id")
    whole = whole.sort_values(["bin", "problem_id", "sample"], ignore_index=True)
    whole = whole.astype({"bin": str}).assign(grade="")
    return whole[["bin", "problems", "problem_id", "solve_rate", "sample", "question", "reference", "text", "grade"]]


def audit_table(graded: pd.DataFrame) -> pd.DataFrame:
    """Count the grades, as in Table 2 of Brown et al. 2024.

    Args:
        graded: Columns bin, problems, problem_id, sample and grade, one of `GRADES`.

    Returns:
        Columns bin, problems, graded and a count per grade, a row per bin.

    Raises:
        ValueError: rows without one of those grades, named by problem and sample.
    """
    bad = graded[~graded["grade"].isin(GRADES)]
    if len(bad):
        named = [f"{row.problem_id} sample {row.sample} ({row.grade!r})" for row in bad.head(10).itertuples()]
        more = " …" if len(bad) > len(named) else ""
        raise ValueError(f"grade must be one of {', '.join(GRADES)}, not as in {', '.join(named)}{more}")
    table = pd.crosstab([graded["bin"], graded["problems"]], graded["grade"]).reindex(
        columns=list(GRADES), fill_value=0
    )
    table.insert(0, "graded", table.sum(axis=1))
    in_order = table.reset_index().rename_axis(columns=None).set_index("bin").loc[graded["bin"].unique()]
    return in_order.reset_index()


def rejected(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Problems whose verifier rejects solutions that are known to be right (Brown et al. 2024, section 4.2.2).

    Args:
        verdicts: Columns problem_id, outcome; a row per known solution.

    Returns:
        Columns problem_id, solutions, rejected and a count per other outcome that occurs, a row per problem that
        rejects some; solutions whose verifier failed count as neither.
    """
    judged = verdicts[verdicts["outcome"] != "verifier_error"].astype({"problem_id": str, "outcome": str})
    counts = pd.crosstab(judged["problem_id"], judged["outcome"])
    others = counts.drop(columns="correct", errors="ignore")
    table = others.assign(solutions=counts.sum(axis=1), rejected=others.sum(axis=1)).reset_index()
    table = table[table["rejected"] > 0].rename_axis(columns=None)
    return table[["problem_id", "solutions", "rejected", *others]].reset_index(drop=True)
