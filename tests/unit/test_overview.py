import docutils.core
import docutils.nodes
import jinja2
import pandas as pd
import pytest

from monkeys.reporting.overview import overview
from monkeys.study import Study

HOSTILE = (
    "{% endraw %}{{ 7 * 7 }} <b>*bold*</b> `code`_ |sub| \\ :raw:`x`\n\n.. raw:: html\n\n   <script>alert(1)</script>"
)


@pytest.fixture(scope="session")
def template(root):
    return (root / "workflow/report/overview.rst").read_text()


@pytest.fixture
def page(template):
    """The page of a study of one model's samples, rendered as a report does it."""
    return rendered(template)


def rendered(template, study_name="an {{ odd }} name", version="0.32.0", commit="c" * 40):
    config = Study.load(
        {
            "study": study_name,
            "tasks": {"gsm8k": {"samples": 8, "shard_size": 8}},
            "models": {"m": {"weights": "o/m", "revision": "main", "tasks": ["gsm8k"]}},
        }
    )
    tally = pd.DataFrame({"problem_id": ["a", "b"], "samples": [8, 7], "correct": [1, 2], "verifier_error": [0, 1]})
    start = {"engine": "vllm", "version": version, "commit": commit}
    text = overview(
        template,
        config,
        {("gsm8k", "m"): tally},
        pd.DataFrame([{"task": "gsm8k", "model": "m", "coverage@1": "0.205"}]),
        [{"task": "gsm8k", "model": "m", "engine_starts": [start, start]}],
        [{"verifier": "gsm8k", "verifier_version": 2}, {"verifier": "published"}],
    )
    return jinja2.Template(text).render()


def shown(page):
    """The text that a person reads."""
    return docutils.core.publish_doctree(page, settings_overrides={"report_level": 5}).astext()


def test_it_says_what_was_studied_and_what_came_out(page):
    for said in ("an {{ odd }} name", "at k = 1", "0.205", "7–8", "c" * 40):
        assert said in shown(page)


PUBLISHED = {"dataset": "o/d", "revision": "main", "subsets": {"gsm8k": "a"}}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"weights": "o/m", "revision": "main"}, "1 model sampled repeatedly, every sample verified."),
        ({"published": PUBLISHED}, "1 model with published samples, verified by others."),
        ({"published": PUBLISHED | {"verify": True}}, "1 model with published samples, verified again."),
        ({"outcomes": {"gsm8k": "counts.csv"}}, "1 model with published outcomes."),
    ],
)
def test_it_says_sampled_and_verified_only_of_what_was(template, tmp_path, monkeypatch, source, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counts.csv").touch()
    config = Study.load(
        {
            "study": "s",
            "tasks": {"gsm8k": {"samples": 8, "shard_size": 8}},
            "models": {"m": {**source, "tasks": ["gsm8k"]}},
        }
    )
    page = overview(template, config, {}, pd.DataFrame(columns=["task"]), [], [])
    assert f"Study s: 1 task; {said}" in shown(page).replace("\n", " ")


def test_it_says_what_is_missing_and_why(page):
    assert "coverage_vs_cost: no model with a price" in shown(page)


def test_it_says_how_it_was_made(page):
    assert "seed 0" in shown(page) and "Sampled with vllm 0.32.0\n" in shown(page)
    assert "Verified by gsm8k (version 2)\n" in shown(page)


@pytest.mark.parametrize("where", ["study_name", "version", "commit"])
def test_nothing_of_a_config_or_a_file_is_executed_or_taken_for_markup(template, where):
    page = rendered(template, **{where: HOSTILE})
    assert " ".join(HOSTILE.split()) in " ".join(shown(page).split())
    kinds = {node.tagname for node in docutils.core.publish_doctree(page).findall() if hasattr(node, "tagname")}
    assert not kinds & {"system_message", "problematic", "reference", "target", "substitution_reference"}
    raw = [node.astext() for node in docutils.core.publish_doctree(page).findall(docutils.nodes.raw)]
    assert len(raw) == 2 and not any("script" in text for text in raw)


def test_it_is_valid_markup(page):
    problems = []
    settings = {
        "report_level": 2,
        "warning_stream": type("Log", (), {"write": lambda _, text: problems.append(text)})(),
    }
    docutils.core.publish_doctree(page, settings_overrides=settings)
    assert problems == []
