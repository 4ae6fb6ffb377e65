import numpy as np
import pandas as pd
import pytest

from monkeys.analysis.coverage import coverage
from monkeys.analysis.power_law import fit_power_law, log_spaced

FIGURE_5 = {
    # Brown et al. 2024, Fig. 5: a, b, error and its standard deviation, as printed
    ("MATH", "Llama-3-8B-Instruct"): ("-1.33", "-0.43", "0.0030", "0.0027"),
    ("MATH", "Llama-3-70B-Instruct"): ("-0.75", "-0.46", "0.0056", "0.0036"),
    ("MATH", "Pythia-70M"): ("-7.59", "-0.18", "0.0052", "0.0071"),
    ("MATH", "Pythia-12B"): ("-3.92", "-0.35", "0.0189", "0.0118"),
    ("CodeContests", "Llama-3-8B-Instruct"): ("-3.88", "-0.11", "0.0020", "0.0015"),
    ("CodeContests", "Llama-3-70B-Instruct"): ("-2.52", "-0.11", "0.0056", "0.0027"),
}


@pytest.mark.parametrize(("benchmark", "model"), FIGURE_5)
def test_published_counts_give_the_published_fits(shared_data, benchmark, model):
    counts = pd.read_csv(shared_data / "outcomes" / "brown2024_counts.csv")
    counts = counts[(counts["benchmark"] == benchmark) & (counts["model"] == model)]
    law = fit_power_law(counts.rename(columns={"num_samples": "samples", "num_correct": "correct"}))
    printed = (f"{law.a:.2f}", f"{law.b:.2f}", f"{law.error_mean:.4f}", f"{law.error_sd:.4f}")
    assert printed == FIGURE_5[benchmark, model]


def test_the_fit_is_the_least_squares_solution_for_log_coverage():
    tally = pd.DataFrame({"samples": 1000, "correct": np.geomspace(1, 900, 50).astype(int)})
    law = fit_power_law(tally)
    ks = np.unique(log_spaced(1000, 20))
    target = np.log(coverage(tally["samples"], tally["correct"], ks))

    def loss(a, b):
        return ((a * ks**b - target) ** 2).sum()

    best = loss(law.a, law.b)
    for factor in (0.999, 1.001):
        assert loss(law.a * factor, law.b) > best
        assert loss(law.a, law.b * factor) > best


def test_the_error_is_the_distance_between_curve_and_fit():
    tally = pd.DataFrame({"samples": 1000, "correct": np.geomspace(1, 900, 50).astype(int)})
    law = fit_power_law(tally)
    ks = log_spaced(1000, 100)
    distance = np.abs(coverage(tally["samples"], tally["correct"], ks) - law(ks))
    assert len(ks) == 100  # duplicates kept
    assert (law.error_mean, law.error_sd) == pytest.approx((distance.mean(), distance.std()))


@pytest.mark.parametrize(("samples", "correct"), [(100, 0), (1, 1), (2, 1), (0, 0)])
def test_without_a_correct_sample_or_enough_k_there_is_no_fit(samples, correct):
    law = fit_power_law(pd.DataFrame({"samples": [samples], "correct": [correct]}))
    assert np.isnan([law.a, law.b, law.error_mean, law.error_sd]).all()
