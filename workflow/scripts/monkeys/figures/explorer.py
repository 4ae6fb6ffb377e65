"""A page in which to look at coverage curves: pick tasks and models, point at a curve to read it."""

import html
from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from monkeys.figures.style import Look

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
"""One for each task; models have colours."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Coverage</title>
<style>
body {{ font: 15px sans-serif; margin: 1em 2em }}
fieldset {{ display: inline-block; vertical-align: top; border: 1px solid #ccc; margin: 0 1em 1em 0 }}
label {{ display: inline-block; margin-right: 1em }}
</style></head>
<body>
<fieldset id="tasks"><legend>Tasks</legend>{tasks}</fieldset>
<fieldset id="models"><legend>Models</legend>{models}</fieldset>
{figure}
<script>
const plot = document.getElementById("explorer");
const picked = (kind) => new Set([...document.querySelectorAll(`#${{kind}} input:checked`)].map((box) => box.value));
const show = () => {{
  const tasks = picked("tasks"), models = picked("models");
  Plotly.restyle(plot, {{visible: plot.data.map(({{meta}}) => tasks.has(meta.task) && models.has(meta.model))}});
}};
document.querySelectorAll("input").forEach((box) => box.addEventListener("change", show));
</script>
</body>
</html>
"""


def page(curves: pd.DataFrame, looks: Mapping[str, Look]) -> str:
    """The page, which needs nothing beside itself.

    Args:
        curves: Columns task, model, k, coverage, low, high; limits may be NaN.
        looks: Of the models.
    """
    tasks, models = (list(curves[column].unique()) for column in ("task", "model"))
    figure = go.Figure()
    for (task, model), curve in curves.groupby(["task", "model"], sort=False):
        about = {"task": task, "model": model}
        colour, dash = looks[model].colour, DASHES[tasks.index(task) % len(DASHES)]
        band = pd.concat([curve["low"], curve["high"][::-1]])
        if band.notna().all():
            ks = pd.concat([curve["k"], curve["k"][::-1]])
            figure.add_scatter(
                x=ks, y=band, fill="toself", fillcolor=colour, opacity=0.12, line_width=0, hoverinfo="skip", meta=about
            )
        figure.add_scatter(
            x=curve["k"],
            y=curve["coverage"],
            customdata=curve[["low", "high"]],
            mode="lines",
            line={"color": colour, "dash": dash},
            name=f"{task} · {model}",
            meta=about,
            hovertemplate=f"<b>{task} · {model}</b><br>k = %{{x}}<br>coverage %{{y:.4f}}<br>"
            "interval %{customdata[0]:.4f} – %{customdata[1]:.4f}<extra></extra>",
        )
    figure.update_xaxes(title="samples per problem, k", type="log", dtick=1, exponentformat="power")
    figure.update_yaxes(title="coverage (pass@k)", range=[0, 1.02])
    figure.update_layout(template="simple_white", showlegend=False, height=640, margin={"t": 20})
    drawn = figure.to_html(full_html=False, include_plotlyjs=True, div_id="explorer", config={"displayModeBar": False})
    keys = {"tasks": dict.fromkeys(tasks, "#000"), "models": {model: looks[model].colour for model in models}}
    return PAGE.format(**{kind: _boxes(names) for kind, names in keys.items()}, figure=drawn)


def _boxes(colours: Mapping[str, str]) -> str:
    """A checked box for each name, in its colour."""
    return "".join(
        f'<label style="color: {colour}"><input type="checkbox" value="{name}" checked> {name}</label>'
        for name, colour in ((html.escape(name), colour) for name, colour in colours.items())
    )
