import functools
import itertools
import re
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text

from monkeys.analysis.coverage import log_grid
from monkeys.reporting import registry, style
from monkeys.results import cover, coverage, coverage_by_family, solve_rates

FIGURES = registry.names("draw")

TASKS = ["gsm8k", "math", "code_contests", "minif2f", "swe_bench_lite", "a_task_whose_name_is_forty_letters_long_"]
FAMILY = "a-family-with-quite-a-long-name"
MODELS = [f"{family}-{size}b" for family in ("pythia", "gemma", "llama-3", FAMILY) for size in (1, 2, 7, 12, 70)]
KS = log_grid(10_000)


class Study:
    """Synthetic tables of a study, in the form that figures need."""

    def __init__(self, tasks, models, ks=KS, flat=False):
        self.models = models
        self.families = {model: model.rsplit("-", 1)[0] for model in models}
        self.looks = style.assign_looks(models, self.families)
        pairs = list(itertools.product(tasks, enumerate(models)))
        self.curves = pd.concat([self._curve(task, i, model, ks, flat) for task, (i, model) in pairs])
        self.pairs = self.curves[["task", "model"]].drop_duplicates().reset_index(drop=True)
        self.fits = self.pairs.assign(a=-2.0, b=-0.3, error_mean=0.01, error_sd=0.002)
        self.predictions = pd.concat([self._prediction(curve) for _, curve in self.curves.groupby(["task", "model"])])
        self.predicted = self.predictions.groupby(["task", "model", "method"], sort=False).tail(1)
        self.predicted = self.predicted.assign(error=0.012, recommended=self.predicted["method"] == "empirical_bayes")
        self.shifts = self.pairs.assign(family=self.pairs["model"].map(self.families), anchor=0.1)
        self.shifts["k"] = 1.0 + self.shifts["model"].map(models.index)
        weight = 1 + self.curves["model"].map(models.index)
        self.compute = self.curves[["task", "model", "k", "coverage"]].assign(flops=1e12 * self.curves["k"] * weight)
        self.cost = self.compute.rename(columns={"flops": "dollars"}).assign(dollars=1e-5 * self.curves["k"] * weight)
        self.tokens = self.compute.rename(columns={"flops": "tokens"}).assign(tokens=500.0 * self.curves["k"] * weight)
        self.cost["pareto"] = self.cost["model"] == models[0]
        self.flagged = self.curves.rename(columns={"coverage": "coverage_all"})
        self.flagged = self.flagged.assign(coverage_kept=self.flagged["coverage_all"] ** 0.9, problems_all=300)
        self.flagged["problems_kept"] = 266
        self.selection = pd.concat(
            [
                self.curves[["task", "model", "k"]].assign(
                    selector=selector, reward=reward, accuracy=self.curves["coverage"] * share, sd=0.02
                )
                for selector, reward, share in [
                    ("majority", np.nan, 0.7),
                    ("best_of_n", "a-reward", 0.6),
                    ("best_of_n", "another", 0.5),
                    ("weighted_majority", "a-reward", 0.8),
                ]
            ]
        )
        self.guesses = self.curves.drop_duplicates(["task", "k"])[["task", "k"]].assign(
            model="guessing", coverage=lambda table: np.log10(table["k"]) / 5
        )
        self.imperfect = self.curves.assign(
            accepted=np.sqrt(self.curves["coverage"]), right=self.curves["coverage"] / 2, ceiling=0.6
        )
        shifts = {"majority": 0.0, "adaptive_consistency": -0.1, "esc": 0.1, "bayes_factor": -0.15, "bayesian": 0.15}
        self.stopping = pd.concat(
            self.curves[["task", "model"]].assign(
                rule=rule,
                threshold=1.0,
                samples=self.curves["k"] ** 0.6,
                accuracy=np.clip(self.curves["coverage"] + shift, 0, 1),
                sd=0.02,
            )
            for rule, shift in shifts.items()
        )
        compared = [
            (task, a, b, at, budget)
            for task in tasks
            for a, b in itertools.combinations(models, 2)
            for at, budget in [("k", 1.0), ("k", 100.0), ("tokens", 5e4), ("flops", 1e15), ("dollars", 0.1)]
        ]
        self.compared = pd.DataFrame(compared, columns=["task", "model_a", "model_b", "at", "budget"])
        distance = self.compared["model_a"].map(models.index) - self.compared["model_b"].map(models.index)
        self.compared["difference"] = 0.04 * distance * (self.compared["budget"] > 1)
        self.compared["p_corrected"] = np.where(distance < -1, 0.001, 0.2)
        rate = np.linspace(0, 0.9, 50) ** 2
        self.rates = pd.concat(
            [
                pd.DataFrame({"rate": rate, "low": 0.9 * rate, "high": 1.1 * rate, "majority": (rate > 0.3) * 1.0})
                .assign(task=task, model=model, problem_id=[f"p{i:02}" for i in range(50)])
                .sample(frac=1, random_state=0)
                for task, model in self.pairs.itertuples(index=False)
            ]
        )

    @staticmethod
    def _curve(task, i, model, ks, flat):
        shape = np.full(len(ks), i % 2.0) if flat else np.exp(-(1 + 0.2 * i) * np.asarray(ks, float) ** -0.25)
        frame = pd.DataFrame({"task": task, "model": model, "k": ks, "coverage": shape})
        return frame.assign(low=0.9 * shape, high=1 - 0.9 * (1 - shape))

    @staticmethod
    def _prediction(curve):
        """The curve, flat to ten times its samples, by two methods."""
        last = curve.tail(1).assign(k=10 * curve["k"].max())
        whole = pd.concat([curve, last])
        return pd.concat([whole.assign(method="log_log"), whole.assign(method="empirical_bayes")])

    def draw(self, name):
        """Draw the figure of a result from the inputs that it names."""
        given = {
            "coverage_curves": self.curves,
            "cost_effectiveness_curves": self.compute if name == "coverage_vs_compute" else self.cost,
            "coverage_vs_tokens_curves": self.tokens,
            "guessing_curves": self.guesses,
            "imperfect_verifier_curves": self.imperfect,
            "power_law_table": self.fits,
            "prediction_curves": self.predictions,
            "prediction_table": self.predicted,
            "curve_similarity_table": self.shifts,
            "choices": self.selection,
            "solve_rates_curves": self.rates.drop(columns="majority"),
            "votes": self.rates[["task", "model", "problem_id", "majority"]],
            "flagged_curves": self.flagged,
            "families": self.families,
            "comparison_table": self.compared,
            "confidence": 0.95,
            "early_stopping_table": self.stopping,
            "looks": self.looks,
        }
        return registry.load(name).draw(**{argument: given[argument] for argument in registry.arguments(name, "draw")})


def bars(rates):
    """Figure of solve rates from a table that has the column `majority`."""
    keys = ["task", "model", "problem_id"]
    return solve_rates.draw(rates.drop(columns="majority"), rates[[*keys, "majority"]])


def with_missing_values():
    """A study with different budgets, and with models and a whole task without values."""
    study = Study(["math", "empty"], ["m-1", "m-2", "m-3", "m-4"])
    for table in (study.curves, study.compute, study.cost, study.tokens):
        columns = table.columns.intersection(["coverage", "low", "high"])
        table.loc[(table["model"] == "m-2") & (table["k"] > 100), columns] = np.nan
        table.loc[(table["model"] == "m-3") | (table["task"] == "empty"), columns] = np.nan
    study.fits.loc[study.fits["model"] == "m-3", ["a", "b", "error_mean", "error_sd"]] = np.nan
    study.predictions.loc[study.predictions["model"] == "m-3", ["coverage", "low", "high"]] = np.nan
    study.predicted.loc[study.predicted["model"] == "m-3", "recommended"] = False
    study.shifts.loc[study.shifts["model"] == "m-3", "k"] = np.nan
    study.stopping.loc[study.stopping["model"] == "m-3", ["accuracy", "sd"]] = np.nan
    study.compared.loc[study.compared["task"] == "empty", "difference"] = np.nan
    study.selection.loc[study.selection["k"] > 50, ["accuracy", "sd"]] = np.nan
    study.selection = study.selection[study.selection["reward"].isna()]
    study.rates.loc[study.rates["model"] == "m-3", ["rate", "low", "high"]] = np.nan
    study.rates.loc[study.rates["task"] == "empty", "majority"] = np.nan
    return study


STUDIES = {
    "one": lambda: Study(["arithmetic"], ["m-1"], [1, 2, 3, 5, 8, 10]),
    "one budget of one": lambda: Study(["arithmetic"], ["m-1", "m-2"], [1]),
    "two": lambda: Study(["math", "code"], ["llama-3-8b", "llama-3-70b"]),
    "long names": lambda: Study(["t" * 60], ["meta-llama-instruct-fp8-with-a-name-of-4" + end for end in ("-1", "-2")]),
    "many models": lambda: Study(["math"], MODELS),
    "many tasks": lambda: Study(TASKS, ["llama-3-8b", "llama-3-70b"]),
    "all or nothing": lambda: Study(["math"], [f"m-{i}" for i in range(6)], flat=True),
    "holes": with_missing_values,
}


@pytest.fixture(scope="module")
def drawn():
    """Function that draws a figure once by study and name, with warnings as errors."""
    studies, figures = {}, {}

    def draw(study, name):
        if (study, name) not in figures:
            studies.setdefault(study, STUDIES[study]())
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                figures[study, name] = studies[study].draw(name)
                figures[study, name].draw_without_rendering()
        return figures[study, name]

    return draw


@functools.cache
def texts(figure):
    """Visible texts of a figure with their boxes, without the lines that join labels to curves."""
    hidden = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low <= tick.get_loc() <= high:
                hidden |= {tick.label1, tick.label2}
    seen = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text() and text not in hidden]
    return {text: Text.get_window_extent(text) for text in seen}


def overlapping(boxes, tolerance=1.0):
    """Pairs of boxes that overlap by more than a line of pixels."""
    low, high = (np.array([getattr(box, corner) for box in boxes]) for corner in ("min", "max"))
    shared = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    return np.argwhere(np.triu((shared > tolerance).all(axis=2), 1))


def named_lines(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def headings(axes):
    return [axes.get_title(loc="left"), *(text.get_text() for text in axes.texts)]


def in_legend(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


all_figures = pytest.mark.parametrize(
    ("study", "name"),
    [
        pytest.param(study, name, marks=() if study in ("one", "two") else pytest.mark.slow)
        for study, name in itertools.product(STUDIES, FIGURES)
    ],
)


@all_figures
def test_no_text_is_cut_off(drawn, study, name):
    figure = drawn(study, name)
    for text, box in texts(figure).items():
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, text


@all_figures
def test_no_texts_overlap(drawn, study, name):
    written, boxes = zip(*texts(drawn(study, name)).items(), strict=True)
    assert [(written[i].get_text(), written[j].get_text()) for i, j in overlapping(boxes)] == []


@all_figures
def test_legends_are_outside_all_panels(drawn, study, name):
    figure = drawn(study, name)
    for legend in figure.legends:
        boxes = [legend.get_window_extent(), *(axes.bbox for axes in figure.axes)]
        assert not [pair for pair in overlapping(boxes) if 0 in pair]


@all_figures
def test_legends_and_labels_leave_room_for_the_panels(drawn, study, name):
    for axes in drawn(study, name).axes:
        assert min(axes.bbox.width, axes.bbox.height) / style.DPI > 1


@all_figures
def test_all_text_is_large_enough_to_read(drawn, study, name):
    assert min(text.get_fontsize() for text in texts(drawn(study, name))) >= 6.5


@all_figures
def test_figures_are_as_wide_as_a_column_or_a_page(drawn, study, name):
    assert drawn(study, name).get_size_inches()[0] in (3.25, 6.75)


@pytest.mark.parametrize("study", ["two", pytest.param("many models", marks=pytest.mark.slow)])
def test_a_model_looks_the_same_in_all_figures(drawn, study):
    models = STUDIES[study]().models
    seen = {model: set() for model in models}
    for name in set(FIGURES) - {"selection", "solve_rates", "imperfect_verifier", "early_stopping"}:
        for axes in drawn(study, name).axes:
            for model in named_lines(axes).keys() - {"guessing"}:
                line = named_lines(axes)[model]
                seen[model].add(to_hex(line.get_color()))
    looks = STUDIES[study]().looks
    assert seen == {model: {looks[model].colour.lower()} for model in models}


def test_cover_is_the_fraction_of_problems_with_at_least_a_solve_rate():
    rates = pd.DataFrame({"task": "t", "model": "m", "rate": [0.5, 0, 0.1, 0.5, np.nan]})
    line = named_lines(cover.draw(rates, style.assign_looks(["m"])).axes[0])["m"]
    steps = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert steps == {0.1: 0.75, 0.5: 0.5} and line.get_drawstyle() == "steps-pre"


def test_up_to_eight_models_have_colour_blind_safe_colours():
    looks = style.assign_looks([f"m{i}" for i in range(8)], {"m0": "f", "m1": "f"})
    assert [look.colour for look in looks.values()] == list(style.OKABE_ITO)


def test_many_models_can_be_told_apart_without_colours():
    looks = style.assign_looks(MODELS, Study(["t"], MODELS, [1]).families)
    assert len({look[1:] for look in looks.values()}) == len({look.colour for look in looks.values()}) == len(MODELS)


def test_with_many_models_each_family_runs_from_light_to_dark_with_its_own_dashes():
    families = {f"{family}{i}": family for family in "abc" for i in range(5)}
    looks = style.assign_looks(families, families)
    for family in "abc":
        members = [looks[model] for model in families if families[model] == family]
        light = [sum(matplotlib.colors.to_rgb(look.colour)) for look in members]
        assert light == sorted(light, reverse=True)
        assert len({look.dashes for look in members}) == 1
    assert len({look.dashes for look in looks.values()}) == 3


def test_few_lines_are_labelled_at_their_ends_and_many_in_a_legend(drawn):
    few, many = drawn("two", "coverage"), drawn("many models", "coverage")
    assert [text.get_text() for text in few.axes[0].texts] == ["llama-3-8b", "llama-3-70b"]
    assert in_legend(few) == []
    assert in_legend(many) == MODELS
    assert not many.axes[0].texts


def test_labels_are_in_the_order_of_the_line_ends(drawn):
    for axes in drawn("two", "coverage").axes:
        heights = {name.get_text(): name.xyann[1] for name in axes.texts}
        ends = {label: line.get_ydata()[-1] for label, line in named_lines(axes).items()}
        assert sorted(heights, key=heights.get) == sorted(ends, key=ends.get)


def test_a_line_that_ends_early_is_joined_to_its_label_by_a_level_dotted_line(drawn):
    axes = drawn("holes", "coverage").axes[0]
    (name,) = (name for name in axes.texts if name.get_text() == "m-2")
    joint = name.arrow_patch
    end = axes.transData.transform(name.xy)
    edge = axes.bbox.x1
    x, y = joint.get_path().vertices.T
    assert end[0] < edge - 100 and x.min() == pytest.approx(end[0]) and x.max() > edge
    assert y[x <= edge] == pytest.approx(end[1])
    assert to_hex(joint.get_edgecolor()) == style.LIGHT.lower() and joint.get_linestyle() != "-"


def test_labels_too_long_for_the_panel_move_to_a_legend(drawn):
    assert in_legend(drawn("long names", "coverage")) == STUDIES["long names"]().models


def test_only_names_that_do_not_fit_are_shortened_in_the_middle(drawn):
    assert [axes.get_title(loc="left") for axes in drawn("many tasks", "coverage").axes][:5] == TASKS[:5]
    assert re.fullmatch("t+…t+", drawn("long names", "coverage").axes[0].get_title(loc="left"))
    model = f"{FAMILY}-70b"
    shown = [text for text in headings(drawn("many models", "power_law").axes[-1]) if text.endswith("-70b")]
    assert len(shown) == 1 and shown != [model] and re.fullmatch("a-family.*….*-70b", shown[0])


def test_the_axis_of_samples_has_powers_of_ten(drawn):
    for axes in drawn("two", "coverage").axes:
        low, high = axes.get_xlim()
        shown = [
            label.get_text()
            for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
            if low <= tick <= high
        ]
        assert axes.get_xscale() == "log" and shown == ["10⁰", "10¹", "10²", "10³", "10⁴"]


def test_coverage_is_drawn_as_in_the_table_with_its_bands(drawn):
    curves = STUDIES["many tasks"]().curves
    for axes, (task, part) in zip(
        drawn("many tasks", "coverage").axes, curves.groupby("task", sort=False), strict=True
    ):
        assert axes.get_title(loc="left") == task or "…" in axes.get_title(loc="left")
        for (model, curve), band in zip(part.groupby("model", sort=False), axes.collections, strict=True):
            line = named_lines(axes)[model]
            np.testing.assert_array_equal(line.get_xdata(), curve["k"])
            np.testing.assert_array_equal(line.get_ydata(), curve["coverage"])
            box = band.get_paths()[0].get_extents()
            np.testing.assert_allclose([box.y0, box.y1], [curve["low"].min(), curve["high"].max()])


def test_a_model_with_one_sample_is_a_dashed_level_line_through_the_panel():
    """Like the paper's reference models; not if all models have one sample."""
    study = Study(["math"], ["m-1", "m-2"])
    once = (study.curves["model"] == "m-2") & (study.curves["k"] > 1)
    (axes,) = coverage.draw(study.curves[~once], study.looks).axes
    line = named_lines(axes)["m-2"]
    assert list(line.get_xdata()) == [1, 10_000] and len(set(line.get_ydata())) == 1
    assert line.is_dashed() and not named_lines(axes)["m-1"].is_dashed()
    assert [entry.is_dashed() for entry in style.legend_entries(study.looks, study.looks, {"m-2"})] == [False, True]
    (axes,) = coverage_by_family.draw(study.curves[~once], study.families, study.looks).axes
    assert named_lines(axes)["m-2"].is_dashed()
    (axes,) = coverage.draw(study.curves[study.curves["k"] == 1], study.looks).axes
    assert list(named_lines(axes)["m-2"].get_xdata()) == [1]


def test_large_and_small_ticks_are_written_as_powers_of_ten():
    assert [style._short(value, None) for value in (3, 0.5, 20_000, 3e7, 1e8, 5e-5)] == [
        "3",
        "0.5",
        "20000",
        "3·10⁷",
        "10⁸",
        "5·10⁻⁵",
    ]


def test_a_family_is_drawn_if_a_task_has_two_of_its_models():
    study = Study(["math"], ["a-1", "a-2", "b-1", "c-1", "c-2"])
    first, second = coverage_by_family.draw(study.curves, study.families, study.looks).axes
    assert list(named_lines(first)) == ["a-1", "a-2"] and list(named_lines(second)) == ["c-1", "c-2"]
    np.testing.assert_array_equal(first.lines[0].get_ydata(), study.curves["coverage"][study.curves["model"] == "a-1"])


@pytest.mark.parametrize("name", ["coverage_by_family", "curve_similarity"])
def test_a_figure_without_a_family_of_two_models_says_so(drawn, name):
    figure = drawn("one", name)
    assert not figure.axes and "no family has two models" in figure.texts[0].get_text()


@pytest.mark.parametrize(
    ("name", "table", "column"),
    [
        ("coverage_vs_compute", "compute", "flops"),
        ("coverage_vs_cost", "cost", "dollars"),
        ("coverage_vs_tokens", "tokens", "tokens"),
    ],
)
def test_coverage_is_drawn_against_the_cost_of_the_samples(drawn, name, table, column):
    expected = getattr(STUDIES["two"](), table)
    for axes, (_, part) in zip(drawn("two", name).axes, expected.groupby("task", sort=False), strict=True):
        for model, curve in part.groupby("model", sort=False):
            np.testing.assert_array_equal(named_lines(axes)[model].get_xdata(), curve[column])
            np.testing.assert_array_equal(named_lines(axes)[model].get_ydata(), curve["coverage"])


def test_the_pareto_front_is_a_step_line_behind_the_curves():
    study = Study(["math"], ["m-1", "m-2"])
    study.cost = study.cost.sample(frac=1, random_state=0)
    front, *_ = study.draw("coverage_vs_cost").axes[0].lines
    best = study.cost[study.cost["pareto"]].sort_values("dollars")
    np.testing.assert_array_equal(front.get_xdata(), best["dollars"])
    np.testing.assert_array_equal(front.get_ydata(), best["coverage"])
    assert front.get_drawstyle() == "steps-post"


def test_a_fit_is_drawn_over_the_measured_curve_with_its_parameters(drawn):
    axes = drawn("two", "power_law").axes[0]
    measured, fit = axes.lines
    np.testing.assert_array_equal(measured.get_xdata(), KS)
    np.testing.assert_allclose(fit.get_ydata(), np.exp(-2.0 * KS**-0.3))
    assert "a = −2.00\nb = −0.30\nerror 0.0100\n± 0.0020" in headings(axes)


def test_a_panel_without_a_fit_says_so(drawn):
    axes = drawn("holes", "power_law").axes[2]
    assert len(axes.lines) == 1 and "no fit" in headings(axes)


def test_the_parameters_of_a_fit_do_not_cover_the_curve(drawn):
    for axes in drawn("many models", "power_law").axes:
        (note,) = [text for text in axes.texts if text.get_text().startswith("a =")]
        points = axes.transData.transform(axes.lines[0].get_xydata())
        box = note.get_window_extent()
        assert not [point for point in points if box.contains(*point)]


def test_curves_of_a_family_are_shifted_to_their_anchor(drawn):
    study = STUDIES["two"]()
    for axes, (_, part) in zip(
        drawn("two", "curve_similarity").axes, study.shifts.groupby("task", sort=False), strict=True
    ):
        for shift in part.itertuples():
            np.testing.assert_allclose(named_lines(axes)[shift.model].get_xdata(), KS / shift.k)


def test_a_model_without_a_shift_is_left_out(drawn):
    assert list(named_lines(drawn("holes", "curve_similarity").axes[0])) == ["m-1", "m-2", "m-4"]


def test_selectors_differ_in_colour_and_rewards_in_dashes(drawn):
    axes = drawn("two", "selection").axes[0]
    lines = named_lines(axes)
    assert list(lines) == [
        "coverage (oracle)",
        "majority vote",
        "best of N, a-reward",
        "best of N, another",
        "weighted majority, a-reward",
    ]
    first, second = lines["best of N, a-reward"], lines["best of N, another"]
    assert first.get_color() == second.get_color() != lines["majority vote"].get_color()
    assert not first.is_dashed() and second.is_dashed()
    np.testing.assert_allclose(lines["majority vote"].get_ydata(), 0.7 * lines["coverage (oracle)"].get_ydata())
    assert len(axes.collections) == 4  # the bands


def test_a_matrix_of_differences_is_signed_starred_and_numbered_by_model():
    figure = Study(["math"], ["m-1", "m-2", "m-3"]).draw("comparison")
    assert [axes.texts[-1].get_text() for axes in figure.axes] == [
        "one sample each",
        "equal samples",
        "equal tokens",
        "equal FLOPs",
        "equal dollars",
    ]
    axes = figure.axes[1]
    cells = [[""] * 3 for _ in range(3)]
    for text in axes.texts[:-1]:
        x, y = text.get_position()
        cells[2 - int(3 * y)][int(3 * x)] = text.get_text()
    assert cells == [["", "−0.04", "−0.08*"], ["+0.04", "", "−0.04"], ["+0.08*", "+0.04", ""]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "2", "3"]
    assert axes.get_yticks()[0] > axes.get_yticks()[2]
    assert in_legend(figure)[-3:] == ["1: m-1", "2: m-2", "3: m-3"]


def test_many_models_are_compared_by_colours_and_stars():
    axes = Study(["math"], [f"m-{i}" for i in range(12)]).draw("comparison").axes[1]
    (mesh, stars) = axes.collections
    shown = np.asarray(mesh.get_array()).reshape(12, 12)
    assert shown[0, 3] == pytest.approx(-0.12) and shown[3, 0] == pytest.approx(0.12)
    assert len(stars.get_offsets()) == 12 * 11 - 2 * 11


def test_rules_of_early_stopping_are_drawn_against_their_mean_samples(drawn):
    axes = drawn("two", "early_stopping").axes[0]
    assert list(named_lines(axes)) == [
        "fixed number of samples",
        "adaptive consistency",
        "ESC",
        "Bayesian, known spread",
        "Bayes factor",
    ]
    first = STUDIES["two"]().stopping.query("task == 'math' and model == 'llama-3-8b' and rule == 'esc'")
    np.testing.assert_allclose(named_lines(axes)["ESC"].get_xdata(), np.sort(first["samples"]))


def test_bars_are_sorted_and_coloured_by_whether_the_vote_is_correct(drawn):
    rates = STUDIES["one"]().rates
    axes = drawn("one", "solve_rates").axes[0]
    bars = {patch.get_label(): np.asarray(patch.get_data().values) for patch in axes.patches}
    right, wrong, unknown, never = bars.values()
    np.testing.assert_array_equal(right + wrong, np.sort(rates["rate"]))
    np.testing.assert_array_equal(right > 0, np.sort(rates["rate"]) > 0.3)
    assert not unknown.any()
    assert np.flatnonzero(never).tolist() == [0]
    assert in_legend(drawn("one", "solve_rates")) == ["majority vote right", "majority vote wrong", "no correct sample"]


def test_bars_have_intervals_and_the_share_of_hard_problems_above(drawn):
    axes = drawn("one", "solve_rates").axes[0]
    (intervals,) = [lines for lines in axes.collections if isinstance(lines, LineCollection)]
    assert len(intervals.get_segments()) == 50
    assert "12 % of problems ≤ 1 % right" in headings(axes)


def test_the_heading_above_bars_fits_with_four_panels_in_a_row():
    rates = Study(["math"], ["m-1", "m-2", "m-3", "m-4"]).rates
    for axes in bars(rates.assign(rate=0.0)).axes:
        assert "100 % of problems ≤ 1 % right" in headings(axes)


def test_bars_have_one_colour_without_a_vote():
    rates = Study(["code"], ["m-1"]).rates.assign(majority=np.nan)
    assert in_legend(bars(rates)) == ["no correct sample"]


def test_coverage_without_flagged_problems_is_dashed_in_the_same_colour(drawn):
    figure = drawn("two", "flagged")
    assert headings(figure.axes[0])[:2] == ["math", "266 of 300 problems not flagged"]
    everything, kept = figure.axes[0].lines[:2]
    assert everything.get_color() == kept.get_color()
    assert not everything.is_dashed() and kept.is_dashed()
    table = STUDIES["two"]().flagged.query("task == 'math' and model == 'llama-3-8b'")
    np.testing.assert_array_equal(everything.get_ydata(), table["coverage_all"])
    np.testing.assert_array_equal(kept.get_ydata(), table["coverage_kept"])


def test_a_panel_without_numbers_says_so(drawn):
    assert "no data" in headings(drawn("holes", "coverage").axes[1])


@pytest.mark.parametrize("name", FIGURES)
def test_an_empty_table_gives_a_figure_without_panels(name):
    study = Study(["math"], ["m-1"])
    for key, table in list(vars(study).items()):
        if isinstance(table, pd.DataFrame):
            setattr(study, key, table.iloc[:0])
    assert not study.draw(name).axes


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coverage", "power_law", "solve_rates"])  # bands, notes, bars
def test_saved_figures_embed_true_type_fonts_and_are_reproducible(tmp_path, name):
    contents = []
    for attempt in ("first", "second"):
        paths = [tmp_path / f"{attempt}.{ending}" for ending in ("pdf", "png")]
        style.save(Study(["math"], ["m-1", "m-2"], [1, 10, 100]).draw(name), map(str, paths))
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
    pdf, png = contents[0]
    assert pdf.startswith(b"%PDF") and png.startswith(b"\x89PNG")
    assert b"/FontFile2" in pdf and not re.search(rb"/Subtype\s*/Type3", pdf)
    assert b"Date" not in pdf
