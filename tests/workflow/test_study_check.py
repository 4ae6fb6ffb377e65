"""A study is looked at before anything of it is sampled."""

import re

from test_rewards_study import REWARDS


def rows_of(said):
    """The cells of the Markdown table that was printed, without its head."""
    lines = [line for line in said.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[1:]]


def test_the_check_prints_what_a_study_will_take_and_samples_nothing(checkout):
    checkout.change(rewards=REWARDS)
    said = checkout.snakemake("check")
    assert [row[:3] for row in rows_of(said)] == [
        ["arithmetic", "small", "320"],
        ["arithmetic", "medium", "320"],
        ["programs", "small", "96"],
    ]
    assert "No mistakes found that can be detected before sampling." in said
    assert not checkout.results("samples") and not checkout.results("models") and not checkout.results("rewards")


def test_the_check_tells_all_mistakes_at_once_and_fails(checkout):
    server = {"base_url": "http://127.0.0.1:1/v1", "model": "gone"}
    checkout.change(
        models__small__chat=True,
        models__medium__engine={**checkout.study()["models"]["medium"]["engine"], "max_model_len": 70},
        models__away={"endpoint": server, "tasks": ["programs"]},
        rewards={"judge": {**REWARDS["judge"], "chat": True}},
        tasks__programs__flagged={"flaky": ["no-such"]},
    )
    said = checkout.snakemake("check", succeeds=False)
    mistakes = [line for line in said.splitlines() if line.startswith("ERROR ")]
    for told, wanted in zip(
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
        assert re.match(f"ERROR {wanted}", told), said


def test_a_run_looks_too_before_it_samples(checkout):
    checkout.change(models__small__chat=True)
    said = checkout.snakemake("samples", succeeds=False)
    assert "models.small.chat: is set, but its tokenizer has no chat template" in said
    assert not checkout.results("samples/*/*/*")


def test_a_run_that_adds_a_model_or_a_reward_looks_before_its_first_job(finished):
    finished.change(models__large={**finished.study()["models"]["medium"], "chat": True})
    said = finished.snakemake(succeeds=False)
    assert "models.large.chat: is set, but its tokenizer has no chat template" in said
    models = finished.study()["models"]
    del models["large"]
    finished.change(models=models, rewards={"judge": {**REWARDS["judge"], "max_length": 1000}})
    said = finished.snakemake(succeeds=False)
    assert "rewards.judge.max_length: 1000 exceeds the model's context of 320 tokens" in said
    assert not finished.results("models/large*") and not finished.results("rewards/*")
