"""Mistakes are found, and the resources of a study estimated, before the first sample."""

import copy
import http.server
import json
import shutil
import threading
from pathlib import Path

import pytest

from monkeys import preflight
from monkeys.sampling.estimate import estimate
from monkeys.storage import SAMPLES, write_parquet
from monkeys.study import Study

DEMO = Path(__file__).parents[2] / "resources/demo"
TASK = {
    "dataset": str(DEMO / "arithmetic"),
    "columns": {"id": "id", "reference": "answer"},
    "prompt": "Question: {{ question }}\nAnswer:\n",
    "verifier": "gsm8k",
    "samples": 20,
    "shard_size": 10,
    "sampling": {"max_tokens": 64},
}
PROBLEMS = {
    "sums": {
        "a": {"problem_id": "a", "prompt": "1+1", "question": "What is 1+1?"},
        "b": {"problem_id": "b", "prompt": "2+2+2", "question": None},
    }
}


def study_of(tmp_path, model, rewards=None):
    """A study of one task and one model, `m`."""
    config = {
        "study": "s",
        "results": str(tmp_path / "results"),
        "tasks": {"sums": TASK},
        "models": {"m": {"tasks": ["sums"], **model}},
        "rewards": rewards or {},
    }
    return Study.load(copy.deepcopy(config))


@pytest.fixture
def check(tmp_path):
    """Function that checks a model and its rewards on these problems."""

    def check(model, rewards=None, problems=PROBLEMS):
        return preflight.check_model(study_of(tmp_path, model, rewards), "m", problems)

    return check


def weights(name="marmoset-0.2m", **model):
    return {"weights": str(DEMO / name), **model}


def copy_with_config(tmp_path, name="marmoset-0.2m", **config):
    """Copy a demo model and change its config.json."""
    folder = tmp_path / "copy_with_config"
    shutil.copytree(DEMO / name, folder)
    original = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(original | config))
    return str(folder)


def test_prompt_lengths_and_context_of_a_suitable_model_are_reported(check):
    seen = check(weights())
    assert (seen.mistakes, seen.warnings, seen.context) == ([], [], 320)
    assert seen.lengths == {"sums": {"a": 3, "b": 5}}


def test_prompts_without_room_for_a_sample_are_mistakes_unless_samples_may_be_truncated(check):
    problems = {"sums": {**PROBLEMS["sums"], "long": {"problem_id": "long", "prompt": "7" * 300, "question": "?"}}}
    (mistake,) = check(weights(), problems=problems).mistakes
    assert mistake.startswith("task sums, problem long: its prompt of 300 tokens and max_tokens (64) exceed the ")
    assert check(weights(on_context_overflow="truncate"), problems=problems).mistakes == []
    (mistake,) = check(weights(engine={"max_model_len": 66})).mistakes
    assert mistake.startswith("task sums, problem b: its prompt of 5 tokens (and those of 1 others)")


def test_a_chat_needs_a_template(check):
    assert check(weights(chat=True)).mistakes == ["models.m.chat: is set, but its tokenizer has no chat template"]


def test_a_context_extended_by_rope_scaling_is_left_to_the_engine(check, tmp_path):
    rope = {"rope_type": "yarn", "factor": 4.0}
    folder = copy_with_config(tmp_path, max_position_embeddings=10, rope_parameters=rope, rope_scaling=rope)
    seen = check({"weights": folder})
    assert (seen.mistakes, seen.context) == ([], None)


def test_a_tokenizer_that_cannot_be_loaded_is_a_warning(check, tmp_path):
    folder = copy_with_config(tmp_path)
    Path(folder, "tokenizer.json").write_text("{}")
    seen = check({"weights": folder})
    assert seen.mistakes == []
    assert seen.warnings[0].startswith("models.m.weights: its tokenizer cannot be loaded here")


def reward(**settings):
    defaults = {"weights": str(DEMO / "marmoset-reward"), "tasks": ["sums"], "chat": False, "context": "prompt"}
    return {"judge": defaults | settings}


def test_all_mistakes_about_a_reward_are_reported_at_once(check):
    assert check(weights(), reward()).mistakes == []
    mistakes = check(weights(), reward(chat=True, context="question", max_length=1000)).mistakes
    assert mistakes == [
        "rewards.judge.context: problem b of task sums has no question; set tasks.sums.question, or choose "
        "another context",
        "rewards.judge.max_length: 1000 exceeds the model's context of 320 tokens",
        "rewards.judge.chat: is true, but its tokenizer has no chat template",
    ]


def test_a_reward_is_checked_only_for_the_tasks_it_scores(check):
    assert check(weights(), reward(chat=True), problems={}).mistakes == []


@pytest.fixture
def server():
    """A server that lists its one model to clients with the key."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            allowed = self.headers["authorization"] == "Bearer secret"
            body = json.dumps({"data": [{"id": "marmoset"}]}).encode()
            self.send_response(200 if allowed and self.path == "/v1/models" else 401)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


def test_a_missing_api_key_is_a_mistake(check, monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    endpoint = {"base_url": "http://localhost:1/v1", "model": "marmoset", "api_key_env": "SOME_KEY"}
    (mistake,) = check({"endpoint": endpoint}).mistakes
    assert mistake == "models.m.endpoint.api_key_env: the environment variable SOME_KEY is not set; export it"


@pytest.mark.parametrize(
    ("key", "model", "expected"),
    [
        ("secret", "marmoset", None),
        ("secret", "gibbon", "does not list the model gibbon, but marmoset"),
        ("wrong", "marmoset", "refuses its key (endpoint.api_key_env): status 401"),
    ],
)
def test_servers_are_asked_for_their_models(tmp_path, server, monkeypatch, key, model, expected):
    monkeypatch.setenv("SOME_KEY", key)
    endpoint = {"base_url": server, "model": model, "api_key_env": "SOME_KEY"}
    found = list(preflight.check_servers(study_of(tmp_path, {"endpoint": endpoint})))
    assert found == ([] if expected is None else [f"models.m.endpoint: {server}/models {expected}"])


def test_a_server_that_does_not_answer_is_named(tmp_path):
    endpoint = {"base_url": "http://127.0.0.1:1/v1", "model": "marmoset"}
    (found,) = preflight.check_servers(study_of(tmp_path, {"endpoint": endpoint}))
    assert found.startswith("models.m.endpoint: no answer from http://127.0.0.1:1/v1/models: ")


SHARDS = [("sums", "m", 0, 10), ("sums", "m", 1, 10)]
LENGTHS = {"m": {"sums": {"a": 3, "b": 5}}}


def test_estimates_assume_the_maximum_length_before_the_first_sample(tmp_path):
    price = {"prompt": 1000.0, "generated": 2000.0}
    config = study_of(tmp_path, weights(price=price, engine={"tensor_parallel_size": 2}))
    (row,) = estimate(config, SHARDS, {"sums": 2}, LENGTHS).to_dict("records")
    assert row == {
        "task": "sums",
        "model": "m",
        "samples to draw": "40",
        "longest prompt": "5",
        "tokens": "2,560",
        "GPU hours": "0.00028",  # 2 × 2,560 tokens ÷ 5,000 a second
        "disk": "15.4 KB",
        "dollars": "5.28",  # 40 × 4 × 0.001 + 2,560 × 0.002
        "assumed length": "maximum",
    }


def test_estimates_extrapolate_from_existing_samples(tmp_path):
    rows = [
        {"problem_id": p, "sample": n, "text": "2", "prompt_tokens": 3, "tokens": 8, "finish_reason": "stop"}
        for p in "ab"
        for n in range(10)
    ]
    provenance = {"samples": 20, "generated_tokens": 160, "truncated": 0, "engine_starts": [{"seconds": 16.0}]}
    write_parquet(
        tmp_path / "results/samples/sums/m/0.parquet", SAMPLES, ({"logprob": -1.0, **row} for row in rows), provenance
    )
    (row,) = estimate(study_of(tmp_path, weights()), SHARDS, {"sums": 2}, LENGTHS).to_dict("records")
    assert (row["samples to draw"], row["tokens"]) == ("20", "160")
    assert row["GPU hours"] == "0.0044"  # 160 tokens at 10 a second
    assert row["dollars"] == "?"
    assert row["assumed length"] == "like the 20 drawn so far"


def test_only_models_to_be_sampled_are_checked_or_all_if_none_were_announced(tmp_path, monkeypatch):
    monkeypatch.delenv(preflight.TO_BE_SAMPLED, raising=False)
    assert preflight.models_to_sample(study_of(tmp_path, weights())) == ["m"]
    monkeypatch.setenv(preflight.TO_BE_SAMPLED, "[]")
    assert preflight.models_to_sample(study_of(tmp_path, weights())) == []
    preflight.announce_models({"b", "a"})
    assert preflight.models_to_sample(study_of(tmp_path, weights())) == ["a", "b"]
