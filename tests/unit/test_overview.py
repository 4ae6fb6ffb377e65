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
    """Overview of a study with one sampled model, rendered as in a report."""
    return render(template)


def render(template, study_name="an {{ odd }} name", version="0.32.0", commit="c" * 40):
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


def visible_text(page):
    """The text that a reader sees."""
    return docutils.core.publish_doctree(page, settings_overrides={"report_level": 5}).astext()


def test_the_overview_shows_the_study_and_its_results(page):
    for expected in ("an {{ odd }} name", "at k = 1", "0.205", "7–8", "c" * 40):
        assert expected in visible_text(page)


PUBLISHED = {"dataset": "o/d", "revision": "main", "subsets": {"gsm8k": "a"}}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"weights": "o/m", "revision": "main"}, "1 model sampled repeatedly, every sample verified."),
        ({"published": PUBLISHED}, "1 model with published samples, verified by others."),
        ({"published": PUBLISHED | {"verify": True}}, "1 model with published samples, verified again."),
        ({"outcomes": {"gsm8k": "counts.csv"}}, "1 model with published outcomes."),
    ],
)
def test_the_overview_says_sampled_and_verified_only_where_true(template, tmp_path, monkeypatch, source, expected):
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
    assert f"Study s: 1 task; {expected}" in visible_text(page).replace("\n", " ")


def test_the_overview_lists_missing_results_with_the_reason(page):
    assert "coverage_vs_cost: no model with a price" in visible_text(page)


def test_the_overview_names_seed_engine_and_verifiers(page):
    assert "seed 0" in visible_text(page) and "Sampled with vllm 0.32.0\n" in visible_text(page)
    assert "Verified by gsm8k (version 2)\n" in visible_text(page)


@pytest.mark.parametrize("where", ["study_name", "version", "commit"])
def test_text_from_configs_and_files_is_neither_executed_nor_treated_as_markup(template, where):
    page = render(template, **{where: HOSTILE})
    assert " ".join(HOSTILE.split()) in " ".join(visible_text(page).split())
    tags = {node.tagname for node in docutils.core.publish_doctree(page).findall() if hasattr(node, "tagname")}
    assert not tags & {"system_message", "problematic", "reference", "target", "substitution_reference"}
    raw = [node.astext() for node in docutils.core.publish_doctree(page).findall(docutils.nodes.raw)]
    assert len(raw) == 2 and not any("script" in text for text in raw)


def test_tasks_with_many_truncated_samples_are_named(template):
    study = Study.load(
        {
            "study": "s",
            "tasks": {"gsm8k": {"samples": 8, "shard_size": 8}},
            "models": {"m": {"weights": "o/m", "revision": "main", "tasks": ["gsm8k"]}},
        }
    )

    def lines(truncated):
        file = {"task": "gsm8k", "model": "m", "samples": 200, "truncated": truncated}
        page = overview(template, study, {}, pd.DataFrame(columns=["task"]), [file], [])
        return [line for line in visible_text(jinja2.Template(page).render()).splitlines() if "token limit" in line]

    assert lines(10) == lines(None) == []
    (line,) = lines(24)
    assert line.endswith(
        "m: 12 % of the samples reach the token limit; a higher sampling.max_tokens may solve more problems"
    )


def test_the_overview_is_valid_markup(page):
    problems = []
    settings = {
        "report_level": 2,
        "warning_stream": type("Log", (), {"write": lambda _, text: problems.append(text)})(),
    }
    docutils.core.publish_doctree(page, settings_overrides=settings)
    assert problems == []
