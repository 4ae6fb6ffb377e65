"""The results of a study. Every module of `monkeys.results` is one; nothing else lists them.

A module has some of three functions, each of which makes one file:

- `compute` → `curves/{name}.csv`: all rows, for figures and for other results;
- `tabulate` → `tables/{name}.csv` and `.md`: the rows for people; as a pair it returns the CSV and what the Markdown
  shows instead;
- `draw` → `figures/{name}.pdf` and `.png`.

Their arguments are asked for by name: an input of `reporting.inputs`, `{other}_curves` or `{other}_table` for the file
of another result, or a key of what the module's `settings(study)` returns. Beside them it holds

- `CATEGORY`: where the report shows it;
- `TABLE` and `FIGURE`: the captions of the table and the figure, in reStructuredText, rendered by Jinja2;
- `missing(study)`, perhaps: None, or the sentence why a study does not have the result;
- `ON_DEMAND = True`, perhaps: it is made only when it is asked for;
- `doubts(table)`, perhaps: what people should be warned of.

A module is imported whenever Snakemake plans, so what takes long to be imported is imported inside its functions.
"""

import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

from monkeys import results
from monkeys.study import Study

FILES = {"compute": "curves/{}.csv", "tabulate": "tables/{}.csv", "draw": "figures/{}.png"}
"""What each function of a result makes."""


@cache
def names(function: str) -> list[str]:
    """The results that have this function, in alphabetical order."""
    everything = sorted(module.name for module in pkgutil.iter_modules(results.__path__))
    return [name for name in everything if hasattr(load(name), function)]


def load(name: str) -> ModuleType:
    """The module of a result."""
    return importlib.import_module(f"{results.__name__}.{name}")


def arguments(name: str, function: str) -> list[str]:
    """The names of what one of its functions asks for."""
    return list(inspect.signature(getattr(load(name), function)).parameters)


def settings(name: str, function: str, study: Study) -> dict[str, Any]:
    """The settings among these, with their values."""
    module = load(name)
    known = module.settings(study) if hasattr(module, "settings") else {}
    return {argument: known[argument] for argument in arguments(name, function) if argument in known}


def reason(name: str, study: Study) -> str | None:
    """Why a study does not have a result; None if it has."""
    module = load(name)
    return module.missing(study) if hasattr(module, "missing") else None


def made(function: str, study: Study) -> list[str]:
    """The results of a study that have this function and are not only made on demand."""
    return [
        name for name in names(function) if reason(name, study) is None and not getattr(load(name), "ON_DEMAND", False)
    ]


def missing(study: Study) -> dict[str, str]:
    """Why a study lacks figures, by result."""
    reasons = {name: reason(name, study) for name in names("draw")}
    return {name: why for name, why in reasons.items() if why is not None}
