"""The look that all figures share: sizes, type, colours, curves, and how panels, labels and legends are arranged."""

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

COLUMN, PAGE = 3.25, 6.75
"""Width in inches of a column of text, which is that of a single panel, and of two of them."""
HEIGHTS = {1: 2.0, 2: 1.9, 3: 1.65, 4: 1.5}
"""Height in inches of a row of so many panels, without its headings."""
SMALL, LARGE = 6.5, 7.5
"""Sizes of type in points: names and ticks, tasks."""
LINE = 9.0
"""Distance in points from one line of text to the next."""
GAP = 4.0
"""Distance in points between things that must not touch."""
MOST_LABELS = 6
"""So many lines of a panel can be named where they end, and so many entries of a legend be below a single panel."""
DPI = 200
"""Pixels per inch, also when text is measured."""

BLACK, GREY, LIGHT = "#000000", "#777777", "#AAAAAA"
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW = "#E69F00", "#56B4E9", "#F0E442"
OKABE_ITO = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)
"""Colours that the colour-blind can tell apart (Okabe and Ito 2008), the ones that are hard to see last."""
MARKERS = "osD^vPXp<>"
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.5), (1, 1), (4, 1, 1, 1), (6, 1, 1, 1, 1, 1))

LEVEL: dict[str, Any] = {"linestyle": (0, (4, 2)), "marker": ""}
"""How a model with one sample is drawn: level and dashed, one value that others are to be compared with."""

SAMPLES = "samples per problem, k"
COVERAGE = "coverage (pass@k)"

matplotlib.use("agg")
sns.set_theme(
    style="ticks",
    font="DejaVu Sans",  # it comes with matplotlib, so figures look the same everywhere
    rc={
        "text.parse_math": False,  # names are shown as they are written, whatever signs they hold
        "text.hinting": "none",  # so it is as wide in a PDF as in a PNG
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
    """How the lines of one model are drawn; dashes and marker tell models apart where colours cannot."""

    colour: str
    dashes: tuple[float, ...] = ()
    marker: str = ""
    hollow: bool = False

    def properties(self) -> dict[str, Any]:
        """Of a line, in matplotlib's words."""
        return {
            "color": self.colour,
            "linestyle": (0, self.dashes) if self.dashes else "-",
            "marker": self.marker,
            "markerfacecolor": "white" if self.hollow else self.colour,
        }


def colours(models: Iterable[str], families: Mapping[str, str] | None = None) -> dict[str, Look]:
    """The look of each model, the same in all figures of a study.

    Up to eight models get a colour each. Of more, each family has a hue and dashes, and its models run from light to
    dark. Each of twenty has a marker of its own.

    Args:
        models: All of the study, in the order of its config.
        families: By model; one that is not named here is its own family.
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


def mixed(colour: str, other: str, share: float) -> str:
    """A colour with a share of another in it."""
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(to_rgb(colour), to_rgb(other), strict=True))
    return to_hex((red, green, blue))


def _light_to_dark(colour: str, count: int) -> list[str]:
    base = GREY if colour == BLACK else colour
    ends = [mixed(base, "white", 0.65), base, mixed(base, BLACK, 0.6)]
    return [to_hex(shade) for shade in sns.blend_palette(ends, count + 2)[1:-1]]


def _ink(colour: str) -> str:
    """The colour, dark enough for type on white."""
    luminance = float(np.array(to_rgb(colour)) ** 2.2 @ np.array([0.2126, 0.7152, 0.0722]))
    return mixed(colour, BLACK, max(0.0, 1 - (0.2 / max(luminance, 0.01)) ** (1 / 2.2)))


def key(looks: Mapping[str, Look], models: Iterable[str], level: Collection[str] = ()) -> list[Artist]:
    """Entries of a legend for those models, in the order of the study; some of them are drawn level."""
    drawn = set(models)
    return [
        Line2D([], [], label=model, **look.properties() | (LEVEL if model in level else {}))
        for model, look in looks.items()
        if model in drawn
    ]


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """Panels, to be drawn into and then arranged."""
    figure = Figure(dpi=DPI)
    return figure, [figure.add_subplot() for _ in range(count)]


def curves(axes: Axes, frame: pd.DataFrame, x: str, looks: Mapping[str, Look]) -> None:
    """Coverage of several models, with bands that are fainter the more of them there are.

    Args:
        axes: The panel.
        frame: Columns model, coverage, that of x and, for bands, low and high.
        x: Name of a column.
        looks: By model.
    """
    models = list(frame.groupby("model", sort=False))
    for model, part in models:
        if "low" in part:
            faint = min(0.15, 0.8 / len(models))
            axes.fill_between(part[x], part["low"], part["high"], color=looks[model].colour, alpha=faint, linewidth=0)
        curve(axes, part[x], part["coverage"], looks[model], model)


def curves_of_k(axes: Axes, frame: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    """Coverage against k; a model with one sample is a level line through the panel (Brown et al. 2024, Fig. 2).

    Args:
        axes: The panel.
        frame: Columns model, k, coverage and, for bands, low and high.
        looks: By model.
    """
    once = frame["model"].isin(with_one_sample(frame))
    curves(axes, frame[~once], "k", looks)
    for row in frame[once].itertuples():
        y = (row.coverage, row.coverage)
        axes.plot((1, frame["k"].max()), y, label=row.model, **looks[row.model].properties() | LEVEL)


def with_one_sample(frame: pd.DataFrame) -> set[str]:
    """Models with one sample per problem where others have more; of columns model and k."""
    largest = frame.groupby("model")["k"].max()
    return set(largest.index[largest == 1]) if largest.max() > 1 else set()


def curve(axes: Axes, x: pd.Series, y: pd.Series, look: Look, label: str, **properties: Any) -> None:
    """A line with a few markers over a logarithmic axis.

    Args:
        axes: The panel.
        x: Shape (points,).
        y: Shape (points,); the line has gaps where it is NaN.
        look: Of the line.
        label: Name of the line; it gets none at its end if this begins with an underscore.
        properties: Of the line, instead of those of its look.
    """
    axes.set_xscale("log", nonpositive="mask")
    axes.plot(x, y, label=label, markevery=_markers(x, y, look), **{**look.properties(), **properties})


def _markers(x: pd.Series, y: pd.Series, look: Look) -> list[int]:
    """Which points get a marker: few, evenly spaced, and not the same for all models."""
    shown = np.flatnonzero(np.isfinite(y.to_numpy(float)) & (x.to_numpy(float) > 0))
    if not look.marker or not shown.size:
        return []
    steps = np.log(x.to_numpy(float)[shown])
    phase = MARKERS.index(look.marker) / len(MARKERS)
    wanted = steps[0] + (steps[-1] - steps[0]) * (np.arange(4) + phase) / 4
    return sorted(set(shown[np.searchsorted(steps, wanted)].tolist()))


def note(axes: Axes, text: str, x: pd.Series, y: pd.Series) -> None:
    """A few short lines of text where a rising curve cannot be: above it in its left half, or below in its right."""
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
    direct: bool = True,
    empty: str = "no data",
) -> Figure:
    """Put panels into rows, with headings, axis labels and names for what is drawn; the figure gets the size it needs.

    Lines are named where they end if all panels have few of them with short names, else in a legend: below, or at the
    right of a single panel if there is much in it.

    Args:
        figure: From `panels`, drawn into.
        headings: Lines of text above each panel, the first of them bold.
        x: Label of the horizontal axes.
        y: Label of the vertical axes, which run from 0 to 1.
        entries: Of the legend; those whose lines are named where they end are left out.
        columns: Most panels in a row.
        direct: Whether names at the ends of lines are wanted.
        empty: What is said if there are no panels.
    """
    axes = figure.axes
    if not axes:
        figure.set_size_inches(COLUMN, 0.5)
        figure.text(0.5, 0.5, empty, ha="center", va="center", color=GREY)
        return figure
    direct = direct and _short_names(figure)
    named = {line.get_label() for panel in axes for line in _ends(panel)} if direct else set()
    others = [entry for entry in entries if entry.get_label() not in named]
    aside = len(axes) == 1 and len(others) > MOST_LABELS
    rows = math.ceil(len(axes) / min(columns, 2 if direct else columns))
    columns = math.ceil(len(axes) / rows)
    width = PAGE if columns > 1 or aside else COLUMN
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
        names.append(_name_ends(panel) if direct else [])
    if others:
        _set_legend(figure, others, aside)
    # only once, because what follows needs the places of panels and does not change them
    ConstrainedLayoutEngine(w_pad=GAP / 144, h_pad=GAP / 144, wspace=0.02, hspace=0).execute(figure)
    edges = [*(panel.bbox.x0 for panel in axes[:columns]), figure.bbox.x1]
    room = np.diff(edges).min() - GAP * DPI / 72
    for panel, lines, labels in zip(axes, titles, names, strict=True):
        for line in lines:
            _shorten(line, room)
        _push_apart(panel, labels)
    return figure


def _short_names(figure: Figure) -> bool:
    """Whether all panels have few lines, and names that leave them room; one name is not repeated in each panel."""
    names = [[str(line.get_label()) for line in _ends(panel)] for panel in figure.axes]
    distinct = {name for lines in names for name in lines}
    if max(map(len, names)) > MOST_LABELS or (len(names) > 1 and len(distinct) < 2):
        return False
    texts = [figure.text(0, 0, name) for name in distinct]
    widest = max((text.get_window_extent().width for text in texts), default=0.0)
    for text in texts:
        text.remove()
    return widest <= 0.4 * COLUMN * DPI


def _ends(axes: Axes) -> dict[Line2D, NDArray[np.float64]]:
    """Where the lines that have a name end: x and y of their last points."""
    points = {line: np.array([line.get_xdata(), line.get_ydata()], np.float64).T for line in axes.lines}
    shown = {line: xy[np.isfinite(xy).all(axis=1)] for line, xy in points.items()}
    return {line: xy[-1] for line, xy in shown.items() if len(xy) and not str(line.get_label()).startswith("_")}


def _set_heading(axes: Axes, lines: Sequence[str]) -> list[Text]:
    """Lines of text above a panel, from its left edge on."""
    below = [LINE * i + GAP for i in reversed(range(len(lines)))]  # points
    first = axes.set_title(lines[0], loc="left", fontsize=LARGE, fontweight="bold", pad=below[0])
    others = [
        axes.annotate(line, (0, 1), (0, height), xycoords="axes fraction", textcoords="offset points", in_layout=False)
        for line, height in zip(lines[1:], below[1:], strict=True)
    ]
    return [first, *others]


def _set_ticks(axes: Axes) -> None:
    """Powers of ten on a logarithmic axis; 1, 2, 3, 5 … where there are fewer than two of them."""
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
    """A number as it is, or times a power of ten where it is large or small."""
    if 1e-3 <= value < 1e5:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    digits = round(value / 10**exponent)
    return f"{digits}·" * (digits > 1) + _power(10.0**exponent, position)


def _power(value: float, _: object) -> str:
    return "10" + f"{math.log10(value):.0f}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _name_ends(axes: Axes) -> list[Annotation]:
    """Names of lines at the right of a panel, each joined to the end of its line; `_push_apart` gives the height."""
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
                color=_ink(colour),
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
    """From a name to the end of its line, in pixels: level within the panel, so that it does not look like a curve."""
    right = max(axes.bbox.x1, end[0])
    return Outline([name, (right, end[1]), end])


def _push_apart(axes: Axes, names: Sequence[Annotation]) -> None:
    """Give names the heights of the ends of their lines, as nearly as they stay a line of text apart."""
    line = LINE * DPI / 72
    ends = np.array([axes.transData.transform(name.xy)[1] - axes.bbox.y0 for name in names])
    order = np.argsort(ends, kind="stable")
    steps = line * np.arange(len(names))
    nearest = isotonic_regression(ends[order] - steps).x if names else steps
    inside = np.clip(nearest, line / 2, axes.bbox.height - line / 2 - line * (len(names) - 1)) + steps
    for i, height in zip(order, inside, strict=True):
        names[i].xyann = (1, height / axes.bbox.height)


def _set_legend(figure: Figure, entries: Sequence[Artist], aside: bool) -> None:
    """A legend at the right of a panel, or below all in as few rows as fit; the figure grows to hold it."""
    most = 0.5 * figure.bbox.width if aside else figure.bbox.width
    for rows in range(len(entries) if aside else 1, len(entries) + 1):
        columns = math.ceil(len(entries) / rows)
        legend = figure.legend(
            handles=list(entries), loc="outside right upper" if aside else "outside lower center", ncols=columns
        )
        too_wide = legend.get_window_extent().width - most
        if too_wide <= 0 or columns == 1:
            break
        legend.remove()
    for text in legend.get_texts() if too_wide > 0 else ():
        _shorten(text, text.get_window_extent().width - too_wide)
    width, height = figure.get_size_inches()
    needed = legend.get_window_extent().height / DPI
    figure.set_size_inches(width, max(height, needed + GAP / 72) if aside else height + needed)


def _shorten(text: Text, most: float) -> None:
    """Take letters out of the middle until the text is no wider than so many pixels."""
    whole = text.get_text()
    for kept in range(len(whole) - 1, 1, -1):
        if text.get_window_extent().width <= most:
            return
        text.set_text(f"{whole[: (kept + 1) // 2]}…{whole[len(whole) - kept // 2 :]}")


def save(figure: Figure, paths: Iterable[str]) -> None:
    """Write a figure to every path, in the format of its ending, without a time stamp."""
    for path in paths:
        ending = Path(path).suffix[1:]
        metadata = {"CreationDate": None} if ending == "pdf" else None
        with replacing(path) as temporary:
            figure.savefig(temporary, format=ending, dpi=DPI, metadata=metadata)
