"""Samples drawn by an earlier version of the workflow are not resampled by a later one.

The digests were recorded with an earlier version, whose samples exist. If one changes, every study resamples that
kind of model: do not update them without raising SAMPLER_VERSION on purpose.
"""

import pytest

from monkeys.sampling.shard import Shard
from monkeys.study import Study

PROMPTS = {"7": "Q: 1 + 1?\nA:"}
HUB = {"weights": "o/m", "revision": "c0ffee"}
SERVER = {"base_url": "http://localhost/v1", "model": "x", "parameters": {"reasoning_effort": "low"}}

MODELS = {
    "weights": (HUB, "fca1f74733d06976", "23b4b6f649d87529"),
    "chat": (
        HUB | {"chat": True, "quantization": "fp8", "sampling": {"temperature": 0.6, "top_k": 20}},
        "68d1a17a88e8740d",
        "456216f337d1a9d6",
    ),
    "context overflow": (HUB | {"on_context_overflow": "truncate"}, "a1291d7192062bc1", "055c94c1925d686e"),
    "endpoint": ({"endpoint": SERVER}, "6d7765179963d162", "00ba9bd47c96cf1a"),
}


@pytest.mark.parametrize("name", MODELS)
def test_digests_that_trigger_resampling_match_those_of_earlier_versions(name):
    model, journal_settings, file_settings = MODELS[name]
    study = Study.load(
        {
            "study": "s",
            "seed": 3,
            "tasks": {"gsm8k": {"samples": 20, "shard_size": 10}},
            "models": {"m": {**model, "tasks": ["gsm8k"]}},
        }
    )
    shard = Shard("s", 3, "gsm8k", "m", 1, 10, study.distribution("gsm8k", "m"))
    assert shard.settings(PROMPTS)[:16] == journal_settings
    assert shard.made_from(PROMPTS).settings[:16] == file_settings
    assert shard.made_from(PROMPTS).problems == {"7": "8c74a5803b728d07"}
    assert (shard.engine_seed(0), shard.request_seed("7", 0)) == (1384736372, 1067059077)
