"""The worked example of CONTRIBUTING.md, run unchanged: a custom strategy in one module, sampled with vLLM."""

import json
import re

import pandas as pd
import pytest

from monkeys.storage import read_provenance, read_rows

REQUEST = "\nSolve again.\n"


@pytest.fixture
def refining(checkout, root):
    """The small study, one of whose models improves its own drafts."""
    page = (root / "CONTRIBUTING.md").read_text()
    module = re.search(r"## Add a strategy\n.*?```python\n(.*?)```", page, re.DOTALL)[1]
    (checkout.folder / "workflow/scripts/monkeys/sampling/strategies/self_refine.py").write_text(module)
    own = {"strategy": "self_refine", "strategy_options": {"request": REQUEST}, "max_tokens": 24, "logprobs": True}
    model = {**checkout.study()["models"]["small"], "sampling": own, "tasks": ["arithmetic"]}
    checkout.change(models={"small": model}, tasks__arithmetic__samples=16)
    return checkout


def test_a_custom_strategy_is_one_module(refining):
    refining.snakemake("tallies")
    (path, *_) = refining.results("samples/arithmetic/small/*.parquet")
    prompts = {
        row["problem_id"]: row["prompt"]
        for row in read_rows(refining.folder / "results/problems/arithmetic.prompts.parquet")
    }
    rows = list(read_rows(path))
    for row in rows:
        draft, final = json.loads(row["trace"])
        (first,), (second,) = draft["completions"], final["completions"]
        assert draft["prompt"] == prompts[row["problem_id"]]
        assert final["prompt"] == prompts[row["problem_id"]] + first["text"] + REQUEST
        assert row["text"] == second["text"]
        assert row["calls"] == 2
        assert row["tokens"] == first["tokens"] + second["tokens"] <= 48
        assert row["prompt_tokens"] == draft["prompt_tokens"] + final["prompt_tokens"]
        assert row["logprob"] == pytest.approx(first["logprob"] + second["logprob"], rel=1e-5)
    provenance = read_provenance(path)
    assert provenance["model_settings"]["sampling"]["strategy"]["name"] == "self_refine"
    assert provenance["generated_tokens"] == sum(row["tokens"] for row in rows)
    tally = pd.read_parquet(refining.folder / "results/tallies/arithmetic/small.parquet")
    assert tally["generated_tokens"].sum() >= provenance["generated_tokens"]
    prompt_tokens = pd.DataFrame(rows).groupby("problem_id")["prompt_tokens"]
    low, high = prompt_tokens.min().min(), prompt_tokens.max().max()
    assert low < high and tally["prompt_tokens"].between(low, high).all()

    file = refining.folder / "workflow/scripts/monkeys/sampling/strategies/self_refine.py"
    file.write_text(file.read_text() + "\n# edited\n")
    assert refining.plan("tallies") == {}
    file.write_text(file.read_text().replace("    Options = Options\n", "    Options = Options\n    version = 20\n"))
    assert refining.plan("tallies")["sample"]


def test_mistakes_in_strategies_are_errors_that_name_the_key(refining):
    model = refining.study()["models"]["small"]
    own = {"strategy": "self_refine", "strategy_options": {"request": 1, "turns": 2}}
    refining.change(models={"small": {**model, "sampling": own}})
    output = refining.snakemake("tallies", succeeds=False)
    assert "models.small.sampling.strategy_options: unknown key 'turns'; allowed: request" in output
    assert "models.small.sampling.strategy_options.request: input should be a valid string, and is 1" in output
    refining.change(models={"small": {**model, "sampling": {"strategy": "refine"}}})
    output = refining.snakemake("tallies", succeeds=False)
    assert "models.small.sampling.strategy: refine is not one of the strategies: iid, self_refine" in output
