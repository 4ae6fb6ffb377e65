"""The page that a report opens with: what was studied, what came out, what is missing, and how it was made."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from monkeys import __version__, study
from monkeys.reporting import registry
from monkeys.reporting.pairs import Pair

NARROW = {
    "task": "task",
    "model": "model",
    "coverage@1": "at k = 1",
    "coverage@100": "at k = 100",
    "largest k": "largest k",
    "coverage@largest": "at largest k",
}
"""Columns of the headline that fit beside the report's drawing of the workflow, and their headings."""


def overview(
    config: dict[str, Any],
    tallies: Mapping[Pair, pd.DataFrame],
    headline: pd.DataFrame,
    samples: Iterable[dict[str, Any]],
    verdicts: Iterable[dict[str, Any]],
) -> str:
    """The page in reStructuredText.

    Args:
        config: The study's, checked.
        tallies: By task and model.
        headline: A row per task and model, ready to be shown.
        samples: Provenance of samples files, one of each task and model that has some.
        verdicts: The same of verdicts files.
    """
    drawn = {(about["task"], about["model"]): about for about in samples}
    judged = [about for about in verdicts if "verifier_version" in about]
    without = registry.missing(config)
    parts = [
        f"Study **{_literal(config['study'])}**: {_what_was_done(config)}. *Coverage* (pass@k) is the expected "
        "fraction of problems that at least one of k samples solves.",
        _section("Coverage", _table(headline[[name for name in NARROW if name in headline]].rename(columns=NARROW))),
        _section("Tasks", _table(_tasks(tallies))),
        _section("Models", _table(_models(config, drawn))),
        _section("Missing", _bullets(f"{figure}: {reason}" for figure, reason in without.items()) or "Nothing."),
        _section("How it was made", _bullets(_making(config, drawn, judged))),
    ]
    # the report centres this text, and what is higher than the window could not be reached
    framed = [_html('<div style="max-height: 92vh; overflow-y: auto">'), *parts, _html("</div>")]
    # It renders it as a template, too: one in which every opening brace stands for itself has nothing to execute.
    return ("\n\n".join(framed) + "\n").replace("{", "{{ '{' }}")


def _what_was_done(config: dict[str, Any]) -> str:
    """How many models were sampled and verified here, and of how many others published how much, on how many tasks."""

    def counted(number: int, what: str) -> str:
        return f"{number} {what}{'s' * (number != 1)}"

    done = Counter(map(_source, config["models"].values()))
    models = (f"{counted(number, 'model')} {source}" for source, number in done.items())
    return "; ".join([counted(len(config["tasks"]), "task"), *models])


def _source(model: dict[str, Any]) -> str:
    """Where a model's verdicts come from, in words."""
    if model["outcomes"] is not None:
        return "with published outcomes"
    if model["published"] is None:
        return "sampled repeatedly, every sample verified"
    return "with published samples, " + ("verified again" if model["published"]["verify"] else "verified by others")


def _tasks(tallies: Mapping[Pair, pd.DataFrame]) -> pd.DataFrame:
    rows = []
    for (task, model), tally in tallies.items():
        fewest, most = int(tally["samples"].min()), int(tally["samples"].max())
        failed = int(tally["verifier_error"].fillna(0).sum()) if "verifier_error" in tally else 0
        rows.append(
            {
                "task": task,
                "model": model,
                "problems": f"{len(tally):,}",
                "samples per problem": f"{most:,}" if fewest == most else f"{fewest:,}–{most:,}",
                "without a verdict": f"{failed:,}",
            }
        )
    return pd.DataFrame(rows)


def _models(config: dict[str, Any], drawn: Mapping[Pair, dict[str, Any]]) -> pd.DataFrame:
    rows = []
    for name, model in config["models"].items():
        (source,) = [source for source in study.SOURCES if model[source] is not None]
        starts = [start for (_, of), about in drawn.items() if of == name for start in about.get("engine_starts", ())]
        commits = {start["commit"] for start in starts if start.get("commit")}
        what = {
            "weights": model["weights"],
            "endpoint": (model["endpoint"] or {}).get("model"),
            "published": (model["published"] or {}).get("dataset"),
            "outcomes": "counts",
        }[source]
        commit = ", ".join(sorted(commits)) or model["revision"] or ""
        rows.append({"model": name, "source": source, "of": what, "commit": commit})
    return pd.DataFrame(rows)


def _making(
    config: dict[str, Any], drawn: Mapping[Pair, dict[str, Any]], judged: list[dict[str, Any]]
) -> Iterable[str]:
    yield f"Workflow {__version__}, study's seed {config['seed']}"
    engines = {
        f"{start['engine']} {start.get('version', '')}".strip()
        for about in drawn.values()
        for start in about.get("engine_starts", ())
    }
    if engines:
        yield f"Sampled with {', '.join(sorted(engines))}"
    verifiers = {f"{about['verifier']} (version {about['verifier_version']})" for about in judged}
    if verifiers:
        yield f"Verified by {', '.join(sorted(verifiers))}"
    analysis = config["analysis"]
    content = f"{100 * analysis['confidence']:g} % of {analysis['bootstrap_resamples']:,}"
    yield f"Intervals hold {content} bootstrap resamples of the problems"
    yield f"Votes are averaged over {analysis['vote_subsets']} random subsets of the samples"


def _html(tag: str) -> str:
    return f".. raw:: html\n\n   {tag}"


def _section(title: str, text: str) -> str:
    return f"{title}\n{'=' * len(title)}\n\n{text}"


def _table(frame: pd.DataFrame) -> str:
    frame = frame.rename(columns=_literal).map(_literal)
    return frame.to_markdown(index=False, tablefmt="rst", disable_numparse=True)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"* {_literal(line)}" for line in lines)


def _literal(text: Any) -> str:
    """A text in one line of which nothing is taken for markup, wherever it comes from."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(str(text).split()))
