import json

import pandas as pd

from monkeys.reporting import explorer, style


def traces(page):
    """Traces passed to Plotly."""
    start = page.index("[", page.rindex("Plotly.newPlot("))
    return json.JSONDecoder().raw_decode(page, start)[0]


def test_a_model_with_one_sample_is_a_marker_and_others_are_plain_lines():
    rows = [("t", "many", k, 0.1 * k) for k in (1, 2, 5)] + [("t", "once", 1, 0.3)]
    curves = pd.DataFrame(rows, columns=["task", "model", "k", "coverage"])
    curves = curves.assign(low=curves["coverage"] - 0.05, high=curves["coverage"] + 0.05)
    page = explorer.page(curves, style.assign_looks(["many", "once"]))
    drawn = [(trace["meta"]["model"], "band" in trace["meta"], trace["mode"]) for trace in traces(page)]
    assert drawn == [
        ("many", True, "lines"),
        ("many", False, "lines"),
        ("once", True, "lines"),
        ("once", False, "markers"),
    ]
