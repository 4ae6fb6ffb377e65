import itertools

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from monkeys.demo.examples import training_examples
from monkeys.demo.training import FAMILY, Recipe, new_model, save, train, train_tokenizer

TEMPLATES = {"arithmetic_prompt": "Question: {{ question }}\n", "programs_prompt": "{{ specification }}\n"}


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(training_examples(0, 1, **TEMPLATES), 500, vocabulary=300)


def test_texts_survive_the_tokenizer_and_digits_are_single_tokens(tokenizer):
    for example in itertools.islice(training_examples(0, 3, **TEMPLATES), 50):
        tokens = tokenizer.encode(example.completion)
        assert tokenizer.decode(tokens) == example.completion
    assert [tokenizer.decode([token]) for token in tokenizer.encode("12=345")] == ["1", "2", "=", "3", "4", "5"]


@pytest.mark.slow
def test_training_is_deterministic_and_its_models_load_with_transformers(tokenizer, tmp_path):
    recipe = Recipe(hidden_size=32, layers=1, steps=3, batch=4)
    weights = []
    for attempt in "ab":
        model = train(recipe, training_examples(0, 2, **TEMPLATES), tokenizer, seed=0)
        save(model, tokenizer, tmp_path / attempt)
        weights.append(AutoModelForCausalLM.from_pretrained(tmp_path / attempt).state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    untrained = new_model(recipe, len(tokenizer), tokenizer.eos_token_id).bfloat16().state_dict()
    assert any(not torch.equal(weights[0][name], untrained[name]) for name in untrained)
    assert AutoTokenizer.from_pretrained(tmp_path / "a").eos_token == "<eos>"


@pytest.mark.parametrize("name", FAMILY)
def test_the_shipped_models_match_the_recipes(root, name):
    folder = root / "resources/demo" / name
    shipped = AutoModelForCausalLM.from_pretrained(folder)
    size = {"0.2m": 0.2e6, "0.8m": 0.8e6, "3m": 3e6}[name.removeprefix("marmoset-")]
    assert shipped.num_parameters() == pytest.approx(size, rel=0.2)
    assert shipped.config.hidden_size == FAMILY[name].hidden_size
    assert shipped.config.num_hidden_layers == FAMILY[name].layers


def test_the_shipped_resources_are_smaller_than_15_mb(root):
    assert sum(file.stat().st_size for file in (root / "resources").rglob("*") if file.is_file()) < 15e6
