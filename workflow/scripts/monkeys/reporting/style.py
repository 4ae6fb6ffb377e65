"""Shared style of all figures: sizes, fonts, colours, curves, and the layout of panels, labels and legends."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.path import Path as Outline
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import offset_copy
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from monkeys.storage import replacing

COLUMN_WIDTH, PAGE_WIDTH = 3.25, 6.75
"""Width of one column of text (a figure with a single panel) and of two, inches."""
HEIGHTS = {1: 2.0, 2: 1.9, 3: 1.65, 4: 1.5}
"""Height of a row of panels without its headings, inches, by number of columns."""
SMALL, LARGE = 6.5, 7.5
"""Font sizes, points: names and ticks; headings."""
LINE = 9.0
"""Line spacing of text, points."""
GAP = 4.0
"""Gap between elements that must not touch, points."""
MAX_LABELS = 6
"""Maximum number of lines labelled at their ends in a panel, and of legend entries below a single panel."""
DPI = 200
"""Pixels per inch, also for measuring text."""

BLACK, GREY, LIGHT = "#000000", "#777777", "#AAAAAA"
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW = "#E69F00", "#56B4E9", "#F0E442"
OKABE_ITO = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)
"""Colour-blind-safe palette (Okabe and Ito 2008), the least visible colours last."""
MARKERS = "osD^vPXp<>"
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.5), (1, 1), (4, 1, 1, 1), (6, 1, 1, 1, 1, 1))

Properties = dict[str, Any]
"""Line properties, as matplotlib takes them."""

SINGLE_SAMPLE: Properties = {"linestyle": (0, (4, 2)), "marker": ""}
"""Line properties of a model with one sample: dashed, drawn horizontally as a baseline for the others."""
FRONT: Properties = {"color": "#CCCCCC", "linewidth": 3.5, "drawstyle": "steps-post", "solid_capstyle": "round"}
"""Line properties of the Pareto front: a broad pale step line."""

SAMPLES = "samples per problem, k"
COVERAGE = "coverage (pass@k)"

matplotlib.use("agg")
sns.set_theme(
    style="ticks",
    font="DejaVu Sans",  # comes with matplotlib, so figures look the same everywhere
    rc={
        "text.parse_math": False,  # names are shown literally, whatever characters they contain
        "text.hinting": "none",  # so that text is as wide in a PDF as in a PNG
        "pdf.fonttype": 42,
        "font.size": SMALL,
        "axes.labelsize": 7.0,
        "axes.labelpad": 2.0,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
        "axes.edgecolor": "#555555",
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E4E4E4",
        "grid.linewidth": 0.5,
        "xtick.color": "#555555",
        "ytick.color": "#555555",
        "xtick.labelcolor": BLACK,
        "ytick.labelcolor": BLACK,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.pad": 2.0,
        "ytick.major.pad": 2.0,
        "lines.linewidth": 1.2,
        "lines.markersize": 3.2,
        "lines.markeredgewidth": 0.7,
        "legend.frameon": False,
        "legend.handlelength": 2.6,
        "legend.columnspacing": 1.4,
        "legend.labelspacing": 0.35,
        "legend.borderaxespad": 0.3,
    },
)


class Look(NamedTuple):
    """Line style of one model; dashes and markers distinguish models where colours cannot."""

    colour: str
    dashes: tuple[float, ...] = ()
    marker: str = ""
    hollow: bool = False

    def properties(self) -> Properties:
        """Line properties for matplotlib."""
        return {
            "color": self.colour,
            "linestyle": (0, self.dashes) if self.dashes else "-",
            "marker": self.marker,
            "markerfacecolor": "white" if self.hollow else self.colour,
        }


def assign_looks(models: Iterable[str], families: Mapping[str, str] | None = None) -> dict[str, Look]:
    """Look of each model, the same in all figures of a study.

    Up to eight models get a colour each. With more, each family gets a hue and dashes, and its models run from light to
    dark. Up to twenty models get distinct markers.

    Args:
        models: All models of the study, in the order of its config.
        families: Family by model; a model that is not listed is its own family.
    """
    names = list(dict.fromkeys(models))
    markers = [(MARKERS[i % len(MARKERS)], i // len(MARKERS) % 2 == 1) for i in range(len(names))]
    if len(names) <= len(OKABE_ITO):
        return {name: Look(OKABE_ITO[i], (), *markers[i]) for i, name in enumerate(names)}
    family = {name: (families or {}).get(name, name) for name in names}
    number = {name: i for i, name in enumerate(dict.fromkeys(family.values()))}
    hues = [number[family[name]] % len(OKABE_ITO) for name in names]
    shades = {hue: iter(_light_to_dark(OKABE_ITO[hue], hues.count(hue))) for hue in hues}
    return {
        name: Look(next(shades[hue]), DASHES[number[family[name]] % len(DASHES)], *marker)
        for name, hue, marker in zip(names, hues, markers, strict=True)
    }


def mix(colour: str, other: str, share: float) -> str:
    """A colour mixed with a share of another."""
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(to_rgb(colour), to_rgb(other), strict=True))
    return to_hex((red, green, blue))


def _light_to_dark(colour: str, count: int) -> list[str]:
    base = GREY if colour == BLACK else colour
    ends = [mix(base, "white", 0.65), base, mix(base, BLACK, 0.6)]
    return [to_hex(shade) for shade in sns.blend_palette(ends, count + 2)[1:-1]]


def _text_colour(colour: str) -> str:
    """The colour, dark enough for text on white."""
    luminance = float(np.array(to_rgb(colour)) ** 2.2 @ np.array([0.2126, 0.7152, 0.0722]))
    return mix(colour, BLACK, max(0.0, 1 - (0.2 / max(luminance, 0.01)) ** (1 / 2.2)))


def legend_entries(
    looks: Mapping[str, Look], models: Iterable[str], single_sample: Collection[str] = ()
) -> list[Artist]:
    """Legend entries for these models, in the order of the study; `single_sample` models have one sample."""
    drawn = set(models)
    return [
        Line2D([], [], label=model, **look.properties() | (SINGLE_SAMPLE if model in single_sample else {}))
        for model, look in looks.items()
        if model in drawn
    ]


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with panels to draw into; `arrange` lays them out."""
    figure = Figure(dpi=DPI)
    return figure, [figure.add_subplot() for _ in range(count)]


def curves(axes: Axes, frame: pd.DataFrame, x: str, looks: Mapping[str, Look]) -> None:
    """Coverage of several models, with bands that are fainter the more models there are.

    Args:
        axes: The panel.
        frame: Columns model, coverage, `x` and, for bands, low and high.
        x: Name of the column for the horizontal axis.
        looks: Look by model.
    """
    models = list(frame.groupby("model", sort=False))
    for model, part in models:
        if "low" in part:
            alpha = min(0.15, 0.8 / len(models))
            axes.fill_between(part[x], part["low"], part["high"], color=looks[model].colour, alpha=alpha, linewidth=0)
        curve(axes, part[x], part["coverage"], looks[model], model)


def coverage_against(x: str, label: str, frame: pd.DataFrame, looks: Mapping[str, Look], front: bool = False) -> Figure:
    """A figure of coverage against a cost, a panel per task.

    Args:
        x: Name of the column for the horizontal axis; rows where it is NaN are left out.
        label: Label of the horizontal axis.
        frame: Columns task, model, coverage, `x` and, for the front, pareto (whether a row is on it).
        looks: Look by model.
        front: Whether the Pareto front is drawn, behind the curves.
    """
    frame = frame.dropna(subset=x)
    tasks = frame["task"].unique()
    figure, axes = panels(len(tasks))
    entries = legend_entries(looks, frame["model"])
    for panel, task in zip(axes, tasks, strict=True):
        rows = frame[frame["task"] == task]
        if front:
            best = rows[rows["pareto"]].sort_values(x)
            panel.plot(best[x], best["coverage"], label="_front", **FRONT)
        curves(panel, rows, x, looks)
    if front:
        entries.append(Line2D([], [], label="Pareto front", **FRONT))
    return arrange(figure, [(task,) for task in tasks], label, COVERAGE, entries)


def curves_of_k(axes: Axes, frame: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    """Coverage against k; a model with one sample is a horizontal line across the panel (Brown et al. 2024, Fig. 2).

    Args:
        axes: The panel.
        frame: Columns model, k, coverage and, for bands, low and high.
        looks: Look by model.
    """
    once = frame["model"].isin(single_sample_models(frame))
    curves(axes, frame[~once], "k", looks)
    for row in frame[once].itertuples():
        y = (row.coverage, row.coverage)
        axes.plot((1, frame["k"].max()), y, label=row.model, **looks[row.model].properties() | SINGLE_SAMPLE)


def single_sample_models(frame: pd.DataFrame) -> set[str]:
    """Models with one sample per problem in a frame (columns model, k) where others have more."""
    largest = frame.groupby("model")["k"].max()
    return set(largest.index[largest == 1]) if largest.max() > 1 else set()


def curve(axes: Axes, x: pd.Series, y: pd.Series, look: Look, label: str, **properties: Any) -> None:
    """A line with a few markers on a logarithmic axis.

    Args:
        axes: The panel.
        x: Shape (points,).
        y: Shape (points,); the line has gaps where it is NaN.
        look: Look of the line.
        label: Name of the line; with a leading underscore, the line's end is not labelled.
        properties: Line properties that override those of the look.
    """
    axes.set_xscale("log", nonpositive="mask")
    axes.plot(x, y, label=label, markevery=_markers(x, y, look), **{**look.properties(), **properties})


def _markers(x: pd.Series, y: pd.Series, look: Look) -> list[int]:
    """Indices of points with a marker: few, evenly spaced, and offset between models."""
    shown = np.flatnonzero(np.isfinite(y.to_numpy(float)) & (x.to_numpy(float) > 0))
    if not look.marker or not shown.size:
        return []
    steps = np.log(x.to_numpy(float)[shown])
    phase = MARKERS.index(look.marker) / len(MARKERS)
    wanted = steps[0] + (steps[-1] - steps[0]) * (np.arange(4) + phase) / 4
    return sorted(set(shown[np.searchsorted(steps, wanted)].tolist()))


def annotate(axes: Axes, text: str, x: pd.Series, y: pd.Series) -> None:
    """A few short lines of text away from a rising curve: at the top left or at the bottom right."""
    shown = y.notna() & (x > 0)
    steps = np.log(x[shown])
    upper = not shown.any() or np.interp((steps.min() + steps.max()) / 2, steps, y[shown]) < 0.5
    axes.annotate(
        text,
        (0, 1) if upper else (1, 0),
        (GAP, -GAP) if upper else (-GAP, 2 * GAP),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="left" if upper else "right",
        va="top" if upper else "bottom",
        linespacing=1.25,
    )


def arrange(
    figure: Figure,
    headings: Sequence[Sequence[str]],
    x: str,
    y: str,
    entries: Sequence[Artist] = (),
    columns: int = 3,
    label_ends: bool = True,
    empty: str = "no data",
) -> Figure:
    """Arrange panels in rows, with headings, axis labels and legend, and fit the figure's size.

    Lines are labelled at their ends if all panels have few lines with short names, else in a legend: below the panels,
    or to the right of a single panel with many entries.

    Args:
        figure: From `panels`, drawn into.
        headings: Lines of text above each panel, the first one bold.
        x: Label of the horizontal axes.
        y: Label of the vertical axes, which run from 0 to 1.
        entries: Legend entries; those of lines labelled at their ends are left out.
        columns: Maximum number of panels in a row.
        label_ends: Whether lines may be labelled at their ends.
        empty: Text of a figure without panels.
    """
    axes = figure.axes
    if not axes:
        figure.set_size_inches(COLUMN_WIDTH, 0.5)
        figure.text(0.5, 0.5, empty, ha="center", va="center", color=GREY)
        return figure
    label_ends = label_ends and _fits_labels(figure)
    labelled = {line.get_label() for panel in axes for line in _ends(panel)} if label_ends else set()
    others = [entry for entry in entries if entry.get_label() not in labelled]
    at_right = len(axes) == 1 and len(others) > MAX_LABELS
    rows = math.ceil(len(axes) / min(columns, 2 if label_ends else columns))
    columns = math.ceil(len(axes) / rows)
    width = PAGE_WIDTH if columns > 1 or at_right else COLUMN_WIDTH
    figure.set_size_inches(width, rows * (HEIGHTS[columns] + max(map(len, headings)) * LINE / 72))
    grid = GridSpec(rows, columns, figure=figure)
    titles, names = [], []
    for i, (panel, heading) in enumerate(zip(axes, headings, strict=True)):
        panel.set_subplotspec(grid[divmod(i, columns)])
        panel.set(ylim=(-0.03, 1.03), yticks=np.linspace(0, 1, 6))
        panel.set_ylabel(y if i % columns == 0 else "")
        panel.tick_params(labelleft=i % columns == 0)
        panel.set_xlabel(x if i + columns >= len(axes) else "")
        _set_ticks(panel)
        titles.append(_set_heading(panel, heading))
        names.append(_label_ends(panel) if label_ends else [])
    if others:
        _set_legend(figure, others, at_right)
    # once is enough: the steps below need the positions of the panels and do not change them
    ConstrainedLayoutEngine(w_pad=GAP / 144, h_pad=GAP / 144, wspace=0.02, hspace=0).execute(figure)
    edges = [*(panel.bbox.x0 for panel in axes[:columns]), figure.bbox.x1]
    room = np.diff(edges).min() - GAP * DPI / 72
    for panel, lines, labels in zip(axes, titles, names, strict=True):
        for line in lines:
            _shorten(line, room)
        _push_apart(panel, labels)
    return figure


def _fits_labels(figure: Figure) -> bool:
    """Whether lines can be labelled at their ends: few per panel, short names, more than one name over all panels."""
    names = [[str(line.get_label()) for line in _ends(panel)] for panel in figure.axes]
    distinct = {name for lines in names for name in lines}
    if max(map(len, names)) > MAX_LABELS or (len(names) > 1 and len(distinct) < 2):
        return False
    texts = [figure.text(0, 0, name) for name in distinct]
    widest = max((text.get_window_extent().width for text in texts), default=0.0)
    for text in texts:
        text.remove()
    return widest <= 0.4 * COLUMN_WIDTH * DPI


def _ends(axes: Axes) -> dict[Line2D, NDArray[np.float64]]:
    """Last points (x, y) of the lines that have a name."""
    points = {line: np.array([line.get_xdata(), line.get_ydata()], np.float64).T for line in axes.lines}
    shown = {line: xy[np.isfinite(xy).all(axis=1)] for line, xy in points.items()}
    return {line: xy[-1] for line, xy in shown.items() if len(xy) and not str(line.get_label()).startswith("_")}


def _set_heading(axes: Axes, lines: Sequence[str]) -> list[Text]:
    """Lines of text above a panel, aligned with its left edge."""
    below = [LINE * i + GAP for i in reversed(range(len(lines)))]  # points
    first = axes.set_title(lines[0], loc="left", fontsize=LARGE, fontweight="bold", pad=below[0])
    others = [
        axes.annotate(line, (0, 1), (0, height), xycoords="axes fraction", textcoords="offset points", in_layout=False)
        for line, height in zip(lines[1:], below[1:], strict=True)
    ]
    return [first, *others]


def _set_ticks(axes: Axes) -> None:
    """Ticks at powers of ten on a logarithmic axis, or at 1, 2, 3, 5 … if fewer than two powers are in range."""
    axes.xaxis.set_minor_locator(NullLocator())
    left, right = axes.dataLim.intervalx
    if not np.isfinite([left, right]).all():
        axes.set(xlim=(1, 10), xticks=[])
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", va="center", color=GREY)
    elif axes.get_xscale() == "log":
        if left == right:
            axes.set_xlim(left / 2, right * 2)
        else:
            axes.margins(x=0.03)
        low, high = np.log10(axes.get_xlim())
        powers = math.floor(high) - math.ceil(low) + 1
        axes.xaxis.set_major_locator(LogLocator() if powers > 1 else LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(_power if powers > 1 else _short))


def _short(value: float, position: object) -> str:
    """A number in plain notation, or with a power of ten if it is large or small."""
    if 1e-3 <= value < 1e5:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    digits = round(value / 10**exponent)
    return f"{digits}·" * (digits > 1) + _power(10.0**exponent, position)


def _power(value: float, _: object) -> str:
    return "10" + f"{math.log10(value):.0f}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _label_ends(axes: Axes) -> list[Annotation]:
    """Names of lines to the right of a panel, each joined to its line's end; `_push_apart` sets their heights."""
    right = offset_copy(axes.transAxes, fig=axes.get_figure(root=True), x=2 * GAP, units="points")
    names = []
    for line, end in _ends(axes).items():
        colour = to_hex(line.get_color())
        names.append(
            axes.annotate(
                str(line.get_label()),
                tuple(end),
                (1, 0.5),
                textcoords=right,
                va="center",
                color=_text_colour(colour),
                arrowprops={
                    "arrowstyle": "-",
                    "connectionstyle": partial(_joint, axes),
                    "color": LIGHT,
                    "linewidth": 0.5,
                    "linestyle": (0, (1, 2)),
                    "relpos": (0, 0.5),
                },
                zorder=1.5,  # below the lines
                annotation_clip=False,
            )
        )
    return names


def _joint(axes: Axes, name: tuple[float, float], end: tuple[float, float], **_: Any) -> Outline:
    """Connector from a name to the end of its line, pixels: horizontal in the panel, so as not to look like a curve."""
    right = max(axes.bbox.x1, end[0])
    return Outline([name, (right, end[1]), end])


def _push_apart(axes: Axes, names: Sequence[Annotation]) -> None:
    """Place names as close to the heights of their lines' ends as possible, at least a line of text apart."""
    line = LINE * DPI / 72
    ends = np.array([axes.transData.transform(name.xy)[1] - axes.bbox.y0 for name in names])
    order = np.argsort(ends, kind="stable")
    steps = line * np.arange(len(names))
    nearest = isotonic_regression(ends[order] - steps).x if names else steps
    inside = np.clip(nearest, line / 2, axes.bbox.height - line / 2 - line * (len(names) - 1)) + steps
    for i, height in zip(order, inside, strict=True):
        names[i].xyann = (1, height / axes.bbox.height)


def _set_legend(figure: Figure, entries: Sequence[Artist], at_right: bool) -> None:
    """A legend to the right of the panel, or below all panels in as few rows as fit; the figure grows to hold it."""
    max_width = 0.5 * figure.bbox.width if at_right else figure.bbox.width
    for rows in range(len(entries) if at_right else 1, len(entries) + 1):
        columns = math.ceil(len(entries) / rows)
        legend = figure.legend(
            handles=list(entries), loc="outside right upper" if at_right else "outside lower center", ncols=columns
        )
        too_wide = legend.get_window_extent().width - max_width
        if too_wide <= 0 or columns == 1:
            break
        legend.remove()
    for text in legend.get_texts() if too_wide > 0 else ():
        _shorten(text, text.get_window_extent().width - too_wide)
    width, height = figure.get_size_inches()
    needed = legend.get_window_extent().height / DPI
    figure.set_size_inches(width, max(height, needed + GAP / 72) if at_right else height + needed)


def _shorten(text: Text, max_width: float) -> None:
    """Remove letters from the middle until the text is no wider than `max_width` pixels."""
    whole = text.get_text()
    for kept in range(len(whole) - 1, 1, -1):
        if text.get_window_extent().width <= max_width:
            return
        text.set_text(f"{whole[: (kept + 1) // 2]}…{whole[len(whole) - kept // 2 :]}")


def save(figure: Figure, paths: Iterable[str]) -> None:
    """Write a figure to every path, in the format of its suffix, without a time stamp."""
    for path in paths:
        suffix = Path(path).suffix[1:]
        metadata = {"CreationDate": None} if suffix == "pdf" else None
        with replacing(path) as temporary:
            figure.savefig(temporary, format=suffix, dpi=DPI, metadata=metadata)
