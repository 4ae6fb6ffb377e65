import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from monkeys.sampling.weights import facts, fetch, local_folder


def test_weights_may_be_a_local_folder(root):
    folder = root / "resources/demo/marmoset-0.8m"
    assert fetch(str(folder), None) == local_folder(str(folder), None) == folder


def test_facts_are_read_from_the_model_files(root):
    known = facts(root / "resources/demo/marmoset-0.8m", {})
    assert known == {"parameters": 803_968, "layers": 4, "hidden_size": 128, "context": 320}


def test_given_facts_take_precedence(root):
    known = facts(root / "resources/demo/marmoset-0.8m", {"parameters": 8_000_000_000, "layers": None})
    assert (known["parameters"], known["layers"]) == (8_000_000_000, 4)


def test_without_files_only_the_given_facts_are_known():
    assert facts(None, {"layers": 80}) == {"parameters": None, "layers": 80, "hidden_size": None, "context": None}


def test_parameters_are_summed_over_all_files(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"n_layer": 2, "n_embd": 8, "n_positions": 64}))
    save_file({"a": np.zeros((3, 4), np.float16), "b": np.zeros(5, np.float32)}, tmp_path / "model-1.safetensors")
    save_file({"c": np.zeros((2, 2, 2), np.float32)}, tmp_path / "model-2.safetensors")
    assert facts(tmp_path, {}) == {"parameters": 25, "layers": 2, "hidden_size": 8, "context": 64}


@pytest.mark.parametrize("change", [{"quantization_config": {"quant_method": "awq"}}, "no safetensors"])
def test_the_parameter_count_is_unknown_if_the_files_do_not_reveal_it(root, tmp_path, change):
    shutil.copy(root / "resources/demo/marmoset-0.2m/config.json", tmp_path)
    if isinstance(change, dict):
        shutil.copy(root / "resources/demo/marmoset-0.2m/model.safetensors", tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps(config | change))
    assert facts(tmp_path, {})["parameters"] is None


def test_a_vision_language_model_is_described_by_its_text_part(tmp_path):
    text = {"num_hidden_layers": 3, "hidden_size": 16, "max_position_embeddings": 99}
    (tmp_path / "config.json").write_text(json.dumps({"text_config": text}))
    assert facts(tmp_path, {}) == {"parameters": None, "layers": 3, "hidden_size": 16, "context": 99}
