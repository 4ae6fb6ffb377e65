import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.coverage import coverage
from monkeys.analysis.similarity import shifts

PUBLISHED = {
    # Brown et al. 2024, Fig. 6, recomputed from the published outcomes: anchor and k by model
    ("MATH", "Llama"): (0.4786, {"Llama-3-8B-Instruct": 4, "Llama-3-70B-Instruct": 1}),
    ("MATH", "Pythia"): (0.0232, {"Pythia-70M": 52, "Pythia-12B": 1}),
    ("CodeContests", "Llama"): (0.0744, {"Llama-3-8B-Instruct": 42, "Llama-3-70B-Instruct": 1}),
}


@pytest.mark.parametrize(("benchmark", "family"), PUBLISHED)
def test_published_counts_give_the_published_shifts(shared_data, benchmark, family):
    counts = pd.read_csv(shared_data / "outcomes" / "brown2024_counts.csv")
    counts = counts[(counts["benchmark"] == benchmark) & counts["model"].str.startswith(family)]
    counts = counts.rename(columns={"num_samples": "samples", "num_correct": "correct"})
    table = shifts(dict(list(counts.groupby("model"))))
    anchor, ks = PUBLISHED[benchmark, family]
    assert table["anchor"].tolist() == pytest.approx([anchor] * 2, abs=6e-5)
    assert dict(zip(table["model"], table["k"], strict=True)) == ks


def tally(samples, correct):
    return pd.DataFrame({"samples": samples, "correct": correct})


def test_k_is_the_natural_number_with_the_closest_coverage():
    rng = np.random.default_rng(0)
    for _ in range(20):
        strong = tally(60, rng.integers(0, 40, 5))
        weak = tally(rng.integers(50, 80, 5), rng.integers(0, 10, 5))
        table = shifts({"strong": strong, "weak": weak}).set_index("model")
        for model, counts in (("strong", strong), ("weak", weak)):
            curve = coverage(counts["samples"], counts["correct"], np.arange(1, counts["samples"].min() + 1))
            distance = np.abs(curve - table["anchor"][model])
            k = table["k"][model]
            assert distance[k - 1] == pytest.approx(distance.min(), abs=1e-12)
            assert table["coverage_at_k"][model] == curve[k - 1]


def test_a_model_with_solve_rates_lower_by_a_factor_needs_that_many_times_the_samples():
    rates = np.random.default_rng(0).beta(0.3, 5, 400) / 10
    table = shifts({"one": tally(10**6, np.rint(1e6 * rates)), "tenth": tally(10**6, np.rint(1e5 * rates))})
    assert table["k"].tolist() == [1, 10]


def test_a_curve_below_the_anchor_gets_the_smallest_k_of_its_maximum():
    table = shifts({"strong": tally(10, [10, 10]), "weak": tally(10, [6, 0])})
    assert table["k"].tolist() == [1, 5]
    assert table["coverage_at_k"][1] == 0.5


def test_without_a_correct_sample_there_is_no_shift():
    table = shifts({"some": tally(10, [3]), "none": tally(10, [0])})
    assert table["k"].isna().tolist() == [False, True]
    assert table["coverage_at_k"].isna().tolist() == [False, True]
    assert shifts({"none": tally(10, [0])})["k"].isna().all()
    assert shifts({}).empty
