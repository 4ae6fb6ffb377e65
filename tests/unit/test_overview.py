import docutils.core
import jinja2
import pandas as pd
import pytest

from monkeys import study
from monkeys.overview import overview


@pytest.fixture
def page():
    """The page of a study of one model's samples, rendered as a report does it."""
    config = study.checked(
        {
            "study": "an {{ odd }} name",
            "tasks": {"gsm8k": {"samples": 8, "shard": 8}},
            "models": {"m": {"weights": "o/m", "revision": "main", "tasks": ["gsm8k"]}},
        }
    )
    tally = pd.DataFrame({"problem_id": ["a", "b"], "samples": [8, 7], "correct": [1, 2], "verifier_error": [0, 1]})
    start = {"engine": "vllm", "version": "0.32.0", "commit": "c" * 40}
    text = overview(
        config,
        {("gsm8k", "m"): tally},
        pd.DataFrame([{"task": "gsm8k", "model": "m", "coverage@1": "0.205"}]),
        [{"task": "gsm8k", "model": "m", "engine_starts": [start, start]}],
        [{"verifier": "gsm8k", "verifier_version": 2}, {"verifier": "published"}],
    )
    return jinja2.Template(text).render()


def test_it_says_what_was_studied_and_what_came_out(page):
    assert "an {{ odd }} name" in page
    assert "0.205" in page
    assert "7–8" in page
    assert "c" * 40 in page


def test_it_says_what_is_missing_and_why(page):
    assert "* coverage_vs_cost: no model with a price" in page


def test_it_says_how_it_was_made(page):
    assert "seed 0" in page and "Sampled with vllm 0.32.0\n" in page
    assert "Verified by gsm8k (version 2)\n" in page


def test_it_is_valid_markup(page):
    problems = []
    settings = {
        "report_level": 2,
        "warning_stream": type("Log", (), {"write": lambda _, text: problems.append(text)})(),
    }
    docutils.core.publish_doctree(page, settings_overrides=settings)
    assert problems == []
