"""The look that all figures share."""

import math
from collections.abc import Iterable
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monkeys.storage import replacing

matplotlib.use("agg")
sns.set_theme(style="whitegrid", context="notebook", rc={"axes.titleweight": "bold", "pdf.fonttype": 42})


def palette(models: Iterable[str]) -> dict[str, tuple[float, float, float]]:
    """One colour per model, dark to light in the order of the config, safe for the colour-blind."""
    names = list(dict.fromkeys(models))
    return dict(zip(names, sns.color_palette("viridis", len(names))[::-1], strict=True))


def panels(count: int, columns: int, width: float = 5.0, height: float = 4.0) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels in rows of `columns`; spare places are left empty."""
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, layout="constrained"
    )
    flat = list(axes.flat)
    for spare in flat[count:]:
        spare.set_axis_off()
    return figure, flat[:count]


def coverage_axes(axes: Axes, title: str) -> None:
    """Number of samples on a logarithmic axis, coverage from 0 to 1."""
    axes.set(xscale="log", ylim=(0, 1.02), xlabel="samples per problem, k", ylabel="coverage (pass@k)", title=title)


def save(figure: Figure, paths: Iterable[str]) -> None:
    """Write a figure to every path, in the format of its ending, without a time stamp."""
    for path in paths:
        ending = Path(path).suffix[1:]
        metadata = {"CreationDate": None} if ending == "pdf" else None
        with replacing(path) as temporary:
            figure.savefig(temporary, format=ending, dpi=200, metadata=metadata)
    plt.close(figure)
