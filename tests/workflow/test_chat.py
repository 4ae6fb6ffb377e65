"""A chat model in a study: what it is given is shown, and really sampled with vLLM."""

import json

import pytest

from monkeys.storage import read_provenance, read_rows

TEMPLATE = (
    "{% for m in messages %}{{ m.content }}{{ '\\n' if m.role == 'system' }}{% endfor %}"
    "{% if add_generation_prompt and loud is defined and loud %}####{% endif %}"
)


@pytest.fixture
def chatting(checkout):
    """The small study, whose model has a chat template and is used with it."""
    folder = checkout.folder / "resources/demo/marmoset-0.8m"
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": TEMPLATE}))
    model = {**checkout.study()["models"]["medium"], "chat": {"system": "Sums.", "template": {"loud": True}}}
    checkout.change(models={"medium": model}, tasks__arithmetic__samples=16)
    return checkout


def test_prompts_are_shown_as_the_model_sees_them_and_it_is_sampled_with_them(chatting):
    said = chatting.snakemake("show_prompts")
    (first, *_) = read_rows(chatting.folder / "results/problems/arithmetic.prompts.parquet")
    assert f"problem {first['problem_id']}, as medium sees it" in said
    assert f"Sums.\n{first['prompt']}####" in said
    chatting.snakemake("samples")
    (path, *_) = chatting.results("samples/arithmetic/medium/*.parquet")
    rows = list(read_rows(path))
    assert {row["problem_id"] for row in rows} and all(row["prompt_tokens"] for row in rows)
    conversation = {"system": "Sums.", "template": {"loud": True}}
    assert read_provenance(path)["model_settings"]["chat"] == conversation
    assert chatting.plan("samples") == {}
    assert chatting.plan("samples", models__medium__chat=True)["sample"]
