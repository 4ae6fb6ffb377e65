"""Checks for flawed problems and verifiers: coverage without some problems, and manual grading of correct samples."""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from monkeys.analysis.coverage import coverage

GRADES = ("correct", "incorrect", "wrong_gold")
"""Grades: the reasoning is sound, or not, or the reference answer is wrong."""


def drop_problems(tally: pd.DataFrame, ids: Collection[str]) -> pd.DataFrame:
    """The tally (column problem_id) without some problems.

    Raises:
        ValueError: problems that are not in the tally; the message names them.
    """
    unknown = sorted(set(ids) - set(tally["problem_id"]))
    if unknown:
        raise ValueError(f"no problem {', '.join(unknown)} in the tally")
    return tally[~tally["problem_id"].isin(list(ids))].reset_index(drop=True)


def coverage_with_and_without(tally: pd.DataFrame, ids: Collection[str], ks: ArrayLike) -> pd.DataFrame:
    """Coverage with and without some problems (Brown et al. 2024, Fig. 9).

    Args:
        tally: Columns problem_id, samples, correct; a row per problem.
        ids: Problems to leave out.
        ks: Numbers of samples, shape (ks,).

    Returns:
        Columns k, coverage_all, coverage_kept (NaN where k exceeds a problem's samples, or if no problem is kept),
        problems_all, problems_kept.
    """
    kept = drop_problems(tally, ids)
    return pd.DataFrame(
        {
            "k": np.asarray(ks),
            "coverage_all": coverage(tally["samples"], tally["correct"], ks),
            "coverage_kept": coverage(kept["samples"], kept["correct"], ks) if len(kept) else np.nan,
            "problems_all": len(tally),
            "problems_kept": len(kept),
        }
    )


def draw_audit(
    samples: pd.DataFrame,
    verdicts: pd.DataFrame,
    problems: pd.DataFrame,
    bins: Sequence[float],
    per_bin: Sequence[int],
    seed: int = 0,
) -> pd.DataFrame:
    """Draw correct samples for manual grading of their reasoning.

    From each bin of solve rates, samples are drawn at random and spread as evenly as possible over its problems: 15
    samples of 5 problems are 3 each, 30 samples of 84 problems are one each of 30 (Brown et al. 2024, arXiv 2407.21787,
    Table 2).

    Args:
        samples: Columns problem_id, sample, text.
        verdicts: Columns problem_id, sample, outcome.
        problems: Columns problem_id, question, reference.
        bins: Increasing edges; a rate on an edge is in the bin above, on the last edge in the last bin.
        per_bin: Samples to draw from each bin; all correct ones if there are fewer.
        seed: Seed of the draw.

    Returns:
        Columns bin, problems (with a correct sample in that bin), problem_id, solve_rate, sample, question, reference,
        text and grade (empty), sorted by bin, problem_id and sample.

    Raises:
        ValueError: `per_bin` and the bins differ in number.
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
    # one sample of every problem first, then a second, and so on; the order within a round stays random
    chosen["round"] = chosen.groupby("problem_id").cumcount()
    chosen = chosen.sort_values("round", kind="stable")
    chosen = chosen[chosen.groupby("bin", observed=True).cumcount() < chosen["bin"].map(wanted).astype(int)]
    texts = samples[["problem_id", "sample", "text"]].astype({"problem_id": str})
    questions = problems[["problem_id", "question", "reference"]].astype({"problem_id": str})
    whole = chosen.merge(texts, on=["problem_id", "sample"]).merge(questions, on="problem_id")
    whole = whole.sort_values(["bin", "problem_id", "sample"], ignore_index=True)
    whole = whole.astype({"bin": str}).assign(grade="")
    return whole[["bin", "problems", "problem_id", "solve_rate", "sample", "question", "reference", "text", "grade"]]


def audit_table(graded: pd.DataFrame) -> pd.DataFrame:
    """Counts of grades, as in Table 2 of Brown et al. 2024.

    Args:
        graded: Columns bin, problems, problem_id, sample and grade, one of `GRADES`.

    Returns:
        Columns bin, problems, graded and a count per grade, a row per bin.

    Raises:
        ValueError: rows with another grade; the message names their problem and sample.
    """
    bad = graded[~graded["grade"].isin(GRADES)]
    if len(bad):
        named = [f"{row.problem_id} sample {row.sample} ({row.grade!r})" for row in bad.head(10).itertuples()]
        more = " …" if len(bad) > len(named) else ""
        raise ValueError(f"grade must be one of {', '.join(GRADES)}; other grades: {', '.join(named)}{more}")
    table = pd.crosstab([graded["bin"], graded["problems"]], graded["grade"]).reindex(
        columns=list(GRADES), fill_value=0
    )
    table.insert(0, "graded", table.sum(axis=1))
    in_order = table.reset_index().rename_axis(columns=None).set_index("bin").loc[graded["bin"].unique()]
    return in_order.reset_index()


def rejected_solutions(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Problems whose verifier rejects known correct solutions (Brown et al. 2024, section 4.2.2).

    Args:
        verdicts: Columns problem_id, outcome; a row per known solution.

    Returns:
        Columns problem_id, problems (all problems with known solutions), solutions, rejected and a count per other
        outcome that occurs, a row per problem that rejects at least one; solutions on which the verifier failed are
        left out.
    """
    judged = verdicts[verdicts["outcome"] != "verifier_error"].astype({"problem_id": str, "outcome": str})
    counts = pd.crosstab(judged["problem_id"], judged["outcome"])
    others = counts.drop(columns="correct", errors="ignore")
    table = others.assign(solutions=counts.sum(axis=1), rejected=others.sum(axis=1)).reset_index()
    table = table.assign(problems=len(table))[table["rejected"] > 0].rename_axis(columns=None)
    return table[["problem_id", "problems", "solutions", "rejected", *others]].reset_index(drop=True)
