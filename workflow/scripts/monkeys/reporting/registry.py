"""The results of a study: every module of `monkeys.results` is one, and they are listed nowhere else.

A module has at least one of three functions:

- `compute` → `curves/{name}.csv`: all rows, for figures and for other results;
- `tabulate` → `tables/{name}.csv` and `.md`: the rows for readers; if it returns a pair of tables, the second one is
  for the Markdown;
- `draw` → `figures/{name}.pdf` and `.png`.

Their arguments are resolved by name: an input of `reporting.inputs`, `{other}_curves` or `{other}_table` for a file of
another result, or a key of the dictionary that the module's `settings(study)` returns. The module also has

- `CATEGORY`: the category of the report that shows it;
- `TABLE` and `FIGURE`: captions of the table and the figure, in reStructuredText, rendered by Jinja2, or functions of
  the config that return them;
- optionally `missing(study)`: the reason why a study does not have the result, or None;
- optionally `ON_DEMAND = True`: the result is made only on request;
- optionally `doubts(table)`: warnings for the user.

Snakemake imports every module whenever it plans, so slow imports belong inside the functions.
"""

import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType

from monkeys import results
from monkeys.study import Study

FILES = {"compute": "curves/{}.csv", "tabulate": "tables/{}.csv", "draw": "figures/{}.png"}
"""File that each function of a result makes."""


@cache
def names(function: str) -> list[str]:
    """Results that have this function, in alphabetical order."""
    everything = sorted(module.name for module in pkgutil.iter_modules(results.__path__))
    return [name for name in everything if hasattr(load(name), function)]


def load(name: str) -> ModuleType:
    """Module of a result."""
    return importlib.import_module(f"{results.__name__}.{name}")


def arguments(name: str, function: str) -> list[str]:
    """Argument names of a function of a result."""
    return list(inspect.signature(getattr(load(name), function)).parameters)


def settings(name: str, function: str, study: Study) -> dict[str, object]:
    """Settings among these arguments, with their values."""
    module = load(name)
    values = module.settings(study) if hasattr(module, "settings") else {}
    return {argument: values[argument] for argument in arguments(name, function) if argument in values}


def missing_reason(name: str, study: Study) -> str | None:
    """Reason why a study does not have a result; None if it has it."""
    module = load(name)
    return module.missing(study) if hasattr(module, "missing") else None


def default_results(function: str, study: Study) -> list[str]:
    """Results of a study that have this function and are made without being requested."""
    return [
        name
        for name in names(function)
        if missing_reason(name, study) is None and not getattr(load(name), "ON_DEMAND", False)
    ]


def missing(study: Study) -> dict[str, str]:
    """Reasons why a study lacks figures, by result."""
    reasons = {name: missing_reason(name, study) for name in names("draw")}
    return {name: why for name, why in reasons.items() if why is not None}
