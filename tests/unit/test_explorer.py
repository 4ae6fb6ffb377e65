import base64
import json

import numpy as np
import pandas as pd

from monkeys.reporting import explorer, style


def traces(page):
    """Traces passed to Plotly."""
    start = page.index("[", page.rindex("Plotly.newPlot("))
    return json.JSONDecoder().raw_decode(page, start)[0]


def numbers(encoded):
    """An array as Plotly writes it."""
    return np.frombuffer(base64.b64decode(encoded["bdata"]), encoded["dtype"]).tolist()


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


def test_a_band_ends_where_the_interval_is_undefined():
    curves = pd.DataFrame({"task": "t", "model": "m", "k": [1, 2, 5], "coverage": [0.1, 0.2, 0.5]})
    curves = curves.assign(low=[0.05, 0.1, None], high=[0.15, 0.3, None])
    band, line = traces(explorer.page(curves, style.assign_looks(["m"])))
    assert [numbers(band[axis]) for axis in "xy"] == [[1, 2, 2, 1], [0.05, 0.1, 0.3, 0.15]]
    assert numbers(line["x"]) == [1, 2, 5]
    curves = curves.assign(low=None, high=None)
    assert len(traces(explorer.page(curves, style.assign_looks(["m"])))) == 1
