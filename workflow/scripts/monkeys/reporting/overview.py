"""The page that a report opens with: what was studied, what came out, what is missing, and how it was made."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from monkeys import __version__
from monkeys.reporting import registry
from monkeys.reporting.pairs import Pair
from monkeys.storage import Provenance
from monkeys.study import Study

NARROW = {
    "task": "task",
    "model": "model",
    "coverage@1": "at k = 1",
    "coverage@100": "at k = 100",
    "largest k": "largest k",
    "coverage@largest": "at largest k",
}
"""Columns of the headline table that fit next to the report's drawing of the workflow, with their headings."""


def overview(
    template: str,
    study: Study,
    tallies: Mapping[Pair, pd.DataFrame],
    headline: pd.DataFrame,
    samples: Iterable[Provenance],
    verdicts: Iterable[Provenance],
) -> str:
    """The page in reStructuredText.

    Args:
        template: Jinja2 template of the page.
        study: The study.
        tallies: Tallies by task and model.
        headline: A row per task and model, with numbers as text.
        samples: Provenance of samples files, one for each task and model that has some.
        verdicts: Provenance of verdicts files, likewise.
    """
    provenance = {(file["task"], file["model"]): file for file in samples}
    engines = {
        f"{start['engine']} {start.get('version', '')}".strip()
        for file in provenance.values()
        for start in file.get("engine_starts", ())
    }
    verifiers = {
        f"{file['verifier']} (version {file['verifier_version']})" for file in verdicts if "verifier_version" in file
    }
    page = (
        jinja2.Environment(finalize=_escaped, trim_blocks=True, lstrip_blocks=True)
        .from_string(template)
        .render(
            study=study.study,
            seed=study.seed,
            analysis=study.analysis,
            tasks=len(study.tasks),
            sources=Counter(model.source.judged for model in study.models.values()),
            coverage=_table(headline[[name for name in NARROW if name in headline]].rename(columns=NARROW)),
            samples=_table(_samples(tallies)),
            models=_table(_models(study, provenance)),
            truncated=_truncated(provenance.values()),
            missing=registry.missing(study),
            version=__version__,
            engines=sorted(engines),
            verifiers=sorted(verifiers),
        )
    )
    # The report renders the page as a template once more: with every brace escaped, nothing in it is executed.
    return page.replace("{", "{{ '{' }}") + "\n"


TOO_MANY_TRUNCATED = 0.05
"""Fraction of samples that reach the token limit, above which the limit is likely to lower coverage."""


def _truncated(samples: Iterable[Provenance]) -> list[str]:
    """Tasks and models with many truncated samples, a line each."""
    return [
        f"{file['task']}, {file['model']}: {100 * file['truncated'] / file['samples']:.0f} % of the samples reach the "
        "token limit; a higher sampling.max_tokens may solve more problems"
        for file in samples
        if file.get("truncated") and file["truncated"] > TOO_MANY_TRUNCATED * file["samples"]
    ]


def _samples(tallies: Mapping[Pair, pd.DataFrame]) -> pd.DataFrame:
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


def _models(study: Study, provenance: Mapping[Pair, Provenance]) -> pd.DataFrame:
    rows = []
    for name, model in study.models.items():
        files = [file for (_, sampled), file in provenance.items() if sampled == name]
        starts = [start for file in files for start in file.get("engine_starts", ())]
        commits = {start["commit"] for start in starts if start.get("commit")}
        commit = ", ".join(sorted(commits)) or model.revision or ""
        rows.append({"model": name, "source": model.source.key(), "of": model.source.origin, "commit": commit})
    return pd.DataFrame(rows)


def _table(frame: pd.DataFrame) -> Markup:
    frame = frame.rename(columns=_escaped).map(_escaped)
    return Markup(frame.to_markdown(index=False, tablefmt="rst", disable_numparse=True))


def _escaped(value: Any) -> str:
    """A value as text in one line, with nothing in it read as markup; markup stays as it is."""
    if isinstance(value, Markup):
        return value
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(str(value).split()))
