"""Interactive page of coverage curves: select tasks and models, hover over a curve to read its values."""

import html
import itertools
from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from monkeys.reporting.style import Look

DASHES = {
    "solid": "none",
    "dash": "9 6",
    "dot": "2 4",
    "dashdot": "9 4 2 4",
    "longdash": "15 6",
    "longdashdot": "15 4 2 4",
}
"""Plotly line styles, one per task, with the SVG dash pattern for the legend; colours distinguish models."""

LINE = '<svg width="44" height="8"><path d="M0 4h44" stroke-dasharray="{}"/></svg>'

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Coverage</title>
<style>
body {{ font: 15px sans-serif; margin: 1em 2em }}
h1 {{ font-size: 1.2em }}
#tasks svg {{ stroke: #000; stroke-width: 2; vertical-align: middle }}
fieldset {{ display: inline-block; vertical-align: top; border: 1px solid #ccc; margin: 0 1em 1em 0 }}
label {{ display: inline-block; margin-right: 1em }}
</style></head>
<body>
<h1>Coverage against the number of samples</h1>
<fieldset id="tasks"><legend>Tasks</legend>{tasks}</fieldset>
<fieldset id="models"><legend>Models</legend>{models}</fieldset>
<fieldset id="shown"><legend>Show</legend>
<label><input type="checkbox" value="intervals" checked> intervals</label></fieldset>
{figure}
<script>
const plot = document.getElementById("explorer");
const picked = (kind) => new Set([...document.querySelectorAll(`#${{kind}} input:checked`)].map((box) => box.value));
const show = () => {{
  const tasks = picked("tasks"), models = picked("models"), bands = picked("shown").has("intervals");
  Plotly.restyle(plot, {{visible: plot.data.map(({{meta}}) =>
    tasks.has(meta.task) && models.has(meta.model) && (bands || !meta.band))}});
}};
document.querySelectorAll("input").forEach((box) => box.addEventListener("change", show));
</script>
</body>
</html>
"""


def page(curves: pd.DataFrame, looks: Mapping[str, Look]) -> str:
    """The page as self-contained HTML.

    Args:
        curves: Columns task, model, k, coverage, low, high; low and high may be NaN.
        looks: Look of each model.
    """
    tasks, models = (list(curves[column].unique()) for column in ("task", "model"))
    styles = dict(zip(tasks, itertools.cycle(DASHES), strict=False))
    figure = go.Figure()
    for (task, model), curve in curves.groupby(["task", "model"], sort=False):
        meta = {"task": task, "model": model}
        colour, dash = looks[model].colour, styles[task]
        known = curve.dropna(subset=["low", "high"])
        if len(known):
            figure.add_scatter(
                x=pd.concat([known["k"], known["k"][::-1]]),
                y=pd.concat([known["low"], known["high"][::-1]]),
                mode="lines",
                fill="toself",
                fillcolor=colour,
                opacity=0.12,
                line_width=0,
                hoverinfo="skip",
                meta=meta | {"band": True},
            )
        figure.add_scatter(
            x=curve["k"],
            y=curve["coverage"],
            customdata=curve[["low", "high"]],
            mode="lines" if len(curve) > 1 else "markers",
            marker={"color": colour, "size": 9},
            line={"color": colour, "dash": dash},
            name=f"{task} · {model}",
            meta=meta,
            hovertemplate=f"<b>{task} · {model}</b><br>k = %{{x}}<br>coverage %{{y:.4f}}<br>"
            "interval %{customdata[0]:.4f} – %{customdata[1]:.4f}<extra></extra>",
        )
    figure.update_xaxes(title="samples per problem, k", type="log", dtick=1, exponentformat="power")
    figure.update_yaxes(title="coverage (pass@k)", range=[0, 1.02])
    figure.update_layout(template="simple_white", showlegend=False, height=640, margin={"t": 20})
    drawn = figure.to_html(full_html=False, include_plotlyjs=True, div_id="explorer", config={"displayModeBar": False})
    boxes = {
        "tasks": "".join(_box(task, "#000", LINE.format(DASHES[style])) for task, style in styles.items()),
        "models": "".join(_box(model, looks[model].colour) for model in models),
    }
    return PAGE.format(**boxes, figure=drawn)


def _box(name: str, colour: str, line: str = "") -> str:
    """A checked check box for a name, in its colour, with a sample of its line."""
    name = html.escape(name)
    return f'<label style="color: {colour}"><input type="checkbox" value="{name}" checked> {name} {line}</label>'
