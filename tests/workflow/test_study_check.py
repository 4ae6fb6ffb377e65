"""The check of a study before sampling."""

import re

from test_rewards_study import REWARDS


def rows_of(output):
    """Cells of the printed Markdown table, without its header."""
    lines = [line for line in output.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[1:]]


def test_the_check_prints_estimates_and_samples_nothing(checkout):
    checkout.change(rewards=REWARDS)
    output = checkout.snakemake("check")
    assert [row[:3] for row in rows_of(output)] == [
        ["arithmetic", "small", "320"],
        ["arithmetic", "medium", "320"],
        ["programs", "small", "96"],
    ]
    assert "No mistakes found that can be detected before sampling." in output
    assert not checkout.results("samples") and not checkout.results("models") and not checkout.results("rewards")


def test_the_check_reports_all_mistakes_at_once_and_fails(checkout):
    server = {"base_url": "http://127.0.0.1:1/v1", "model": "gone"}
    checkout.change(
        models__small__chat=True,
        models__medium__engine={**checkout.study()["models"]["medium"]["engine"], "max_model_len": 70},
        models__away={"endpoint": server, "tasks": ["programs"]},
        rewards={"judge": {**REWARDS["judge"], "chat": True}},
        tasks__programs__flagged={"flaky": ["no-such"]},
    )
    output = checkout.snakemake("check", succeeds=False)
    mistakes = [line for line in output.splitlines() if line.startswith("ERROR ")]
    for mistake, pattern in zip(
        mistakes,
        (
            r"tasks\.programs\.flagged\.flaky: not in the dataset: no-such",
            r"models\.small\.chat: is set, but its tokenizer has no chat template",
            r"rewards\.judge\.chat: is true, but its tokenizer has no chat template",
            r"task arithmetic, problem .* exceed the context of medium \(70\)",
            r"models\.away\.endpoint: no answer from http://127\.0\.0\.1:1/v1/models",
        ),
        strict=True,
    ):
        assert re.match(f"ERROR {pattern}", mistake), output


def test_a_run_performs_the_check_before_sampling(checkout):
    checkout.change(models__small__chat=True)
    output = checkout.snakemake("samples", succeeds=False)
    assert "models.small.chat: is set, but its tokenizer has no chat template" in output
    assert not checkout.results("samples/*/*/*")


def test_a_run_that_adds_a_model_or_reward_performs_the_check_before_its_first_job(finished):
    finished.change(models__large={**finished.study()["models"]["medium"], "chat": True})
    output = finished.snakemake(succeeds=False)
    assert "models.large.chat: is set, but its tokenizer has no chat template" in output
    models = finished.study()["models"]
    del models["large"]
    finished.change(models=models, rewards={"judge": {**REWARDS["judge"], "max_length": 1000}})
    output = finished.snakemake(succeeds=False)
    assert "rewards.judge.max_length: 1000 exceeds the model's context of 320 tokens" in output
    assert not finished.results("models/large*") and not finished.results("rewards/*")
