"""Sampling from servers that behave in every possible way; tests/workflow uses a real vLLM server."""

import email.utils
import gzip
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from monkeys.sampling.engines import server as engine
from monkeys.sampling.journal import Journal, read_entries
from monkeys.sampling.settings import Sampling
from monkeys.sampling.shard import Shard, ShardProgress
from monkeys.sampling.strategies import iid
from monkeys.study.study import SourcedModel

KEY = "sk-very-secret"
SAMPLING = {
    "temperature": 0.8,
    "top_p": 0.9,
    "top_k": 0,
    "min_p": 0.0,
    "max_tokens": 64,
    "stop": ["Q:"],
    "include_stop": False,
}


class Server(ThreadingHTTPServer):
    """Answers completions on loopback; `rejects` names parameters that cause an error.

    `ignores` names parameters without effect; `respond` may return a different answer: status, body and headers. A body
    is JSON, raw bytes, or an iterable of bytes that is sent until the client disconnects.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.rejects, self.ignores = set(), set()
        self.respond = lambda body: None
        self.bodies, self.times, self.paths, self.keys = [], [], [], set()
        self.sent = 0
        self.lock = threading.Lock()

    def sampled(self):
        """Bodies of requests for samples, without the probe requests."""
        return [body for body in self.bodies if body["max_tokens"] == SAMPLING["max_tokens"]]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with server.lock:
            server.bodies.append(body)
            server.times.append(time.monotonic())
            server.paths.append(self.path)
            server.keys.add(self.headers["authorization"])
            number = len(server.bodies)
        unknown = server.rejects & set(body)
        if unknown:
            status, answer, headers = 400, {"error": {"message": f"unknown parameter {min(unknown)}"}}, {}
        else:
            status, answer, headers = server.respond(body) or (200, completion(server, body, number), {})
        if isinstance(answer, dict | str):
            answer = json.dumps(answer).encode()
        if isinstance(answer, bytes):
            headers["content-length"] = str(len(answer))
            answer = [answer]
        else:
            self.close_connection = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            for piece in answer:
                self.wfile.write(piece)
                server.sent += len(piece)


def completion(server, body, number):
    n = 1 if "n" in server.ignores else body.get("n", 1)
    seeded = "seed" in body and "seed" not in server.ignores
    texts = [f"seed {body['seed'] + i}" if seeded else f"draw {number}.{i}" for i in range(n)]
    chat = "messages" in body
    logprobs = None
    if "logprobs" in body and "logprobs" not in server.ignores:
        logprobs = {"content": [{"logprob": -0.5}] * 3} if chat else {"token_logprobs": [-0.5] * 3}
    choices = [
        {
            "index": i,
            "finish_reason": "stop",
            "logprobs": logprobs,
            **({"message": {"content": t}} if chat else {"text": t}),
        }
        for i, t in enumerate(texts)
    ]
    return {"choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": 3 * n, "total_tokens": 7 + 3 * n}}


@pytest.fixture
def server():
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def progress(tmp_path):
    shard = Shard("s", 0, "t", "m", 0, 8, {"sampling": SAMPLING})
    with Journal(tmp_path / "0.jsonl", "settings") as journal:
        yield ShardProgress(shard, {"a": "prompt a", "b": "prompt b"}, journal)


@pytest.fixture
def settings(server):
    """A complete endpoint config."""
    return {
        "base_url": server.url,
        "model": "name",
        "api_key_env": "SERVER_KEY",
        "concurrency": 2,
        "samples_per_request": 4,
        "timeout": 10,
        "patience": 20,
        "max_tokens_name": "max_tokens",
        "parameters": {},
    }


@pytest.fixture
def draw(settings, progress, monkeypatch):
    """Function that draws all missing samples and returns the finished requests in the journal."""
    monkeypatch.setenv("SERVER_KEY", KEY)

    def run(chat=False, sampling=None, thinking=False, **changes):
        source = {"endpoint": settings | changes}
        model = SourcedModel.model_validate({**source, "chat": chat, "thinking": thinking, "tasks": ["t"]})
        engine.sample(progress, model, Sampling(**(sampling or SAMPLING)), iid.Strategy())
        return [entry for entry in progress.journal.entries() if "problem_id" in entry]

    return run


def start(progress):
    return next(entry["start"] for entry in progress.journal.entries() if "start" in entry)


def test_all_samples_have_tokens_log_probabilities_and_usage(server, progress, draw):
    entries = draw()
    assert progress.missing == 0
    assert all(entry["prompt_tokens"] == 7 for entry in entries)
    assert all(entry["usage"] == {"prompt_tokens": 7, "completion_tokens": 12} for entry in entries)
    assert all((s["tokens"], s["logprob"]) == (3, -1.5) for entry in entries for s in entry["samples"])
    assert all(
        {"temperature": 0.8, "top_p": 0.9, "stop": ["Q:"], "n": 4}.items() <= b.items() for b in server.sampled()
    )
    assert set(server.paths) == {"/v1/completions"}
    assert server.keys == {f"Bearer {KEY}"}


def test_a_chat_sends_the_prompt_as_the_user_turn(server, progress, draw):
    entries = draw(chat=True)
    assert set(server.paths) == {"/v1/chat/completions"}
    turns = {json.dumps(body["messages"]) for body in server.sampled()}
    assert turns == {json.dumps([{"role": "user", "content": f"prompt {p}"}]) for p in "ab"}
    assert all((s["tokens"], s["logprob"]) == (3, -1.5) for entry in entries for s in entry["samples"])


def test_a_conversation_is_sent_with_system_message_template_arguments_and_prefill(server, draw):
    draw(chat={"system": "Be brief.", "template": {"enable_thinking": False}, "prefill": "It is"})
    body = server.sampled()[0]
    assert [turn["role"] for turn in body["messages"]] == ["system", "user", "assistant"]
    assert (body["messages"][0]["content"], body["messages"][2]["content"]) == ("Be brief.", "It is")
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


DETAILS = {"prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 9}}


def answer_with(message, reason="stop", details=DETAILS):
    """A chat completion of 20 tokens."""
    usage = {"prompt_tokens": 7, "completion_tokens": 20, **details}
    choice = {"index": 0, "finish_reason": reason, "message": message}
    return lambda body: (200, {"choices": [choice], "usage": usage}, {})


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_that_a_server_reports_is_kept_and_counted_as_billed(server, draw, field):
    server.respond = answer_with({"content": "4", field: "2 + 2"})
    for entry in draw(chat=True, samples_per_request=1):
        (sample,) = entry["samples"]
        assert (sample["text"], sample["reasoning"], sample["reasoning_tokens"]) == ("4", "2 + 2", 9)
        assert sample["tokens"] == 20
        billed = {"prompt_tokens": 7, "cached_tokens": 4, "completion_tokens": 20, "reasoning_tokens": 9}
        assert entry["usage"] == billed


@pytest.mark.parametrize(
    ("text", "reason", "reasoning", "answer"),
    [
        ("<think>2 + 2</think>4", "stop", "2 + 2", "4"),
        ("2 + 2</think>4", "stop", "2 + 2", "4"),
        ("<think>2 + 2", "stop", "2 + 2", ""),
        ("2 + 2", "length", "2 + 2", ""),
        ("4", "stop", "", "4"),
    ],
)
def test_thinking_in_a_servers_text_is_kept_apart_by_its_markers(server, draw, text, reason, reasoning, answer):
    server.respond = answer_with({"content": text}, reason)
    (sample, *_) = draw(chat=True, thinking=True, samples_per_request=1)[0]["samples"]
    assert (sample["text"], sample["reasoning"]) == (answer, reasoning)


def test_a_sample_that_never_answers_has_no_text_and_is_truncated(server, progress, draw):
    server.respond = answer_with({"content": None, "reasoning": "2 + 2 …"}, "length")
    (sample, *_) = draw(chat=True, samples_per_request=1)[0]["samples"]
    assert (sample["text"], sample["finish_reason"]) == ("", "length")


def test_thinking_is_not_kept_if_the_config_says_so(server, draw):
    server.respond = answer_with({"content": "4", "reasoning": "2 + 2"})
    (sample, *_) = draw(chat=True, thinking={"keep": False}, samples_per_request=1)[0]["samples"]
    assert "reasoning" not in sample and sample["reasoning_tokens"] == 9


def test_log_probabilities_are_not_requested_if_nobody_needs_them(server, draw):
    draw(samples_per_request=1)
    assert not any("logprobs" in body for body in server.sampled())


@pytest.mark.parametrize("samples_per_request", [1, 4])
def test_log_probabilities_are_stored_if_they_are_wanted(server, draw, samples_per_request):
    entries = draw(samples_per_request=samples_per_request, sampling={**SAMPLING, "logprobs": True})
    assert {sample["logprob"] for entry in entries for sample in entry["samples"]} == {-1.5}


def test_each_sample_has_its_own_recorded_seed_if_the_server_supports_seeds(server, progress, draw):
    entries = draw()
    texts = {(e["problem_id"], e["first"] + i): s["text"] for e in entries for i, s in enumerate(e["samples"])}
    assert len({text for (problem, _), text in texts.items() if problem == "a"}) == 8
    seeds = {body["seed"] for body in server.sampled()}
    assert seeds == {progress.shard.request_seed(problem, first) for problem in "ab" for first in (0, 4)}
    assert "counted up" in start(progress)["seeds"]


@pytest.mark.parametrize("how", ["rejects", "ignores"])
def test_no_seed_is_sent_or_recorded_if_the_server_does_not_support_seeds(server, progress, draw, how):
    setattr(server, how, {"seed"})
    draw()
    assert not any("seed" in body for body in server.sampled())
    assert start(progress)["seeds"] is None


@pytest.mark.parametrize("how", ["rejects", "ignores"])
def test_without_support_for_n_samples_are_requested_one_at_a_time(server, draw, how, capsys):
    setattr(server, how, {"n"})
    entries = draw()
    assert "pays for its prompt; set endpoint.samples_per_request: 1" in capsys.readouterr().out
    assert [len(entry["samples"]) for entry in entries] == [1] * 16
    assert not any("n" in body for body in server.sampled())


@pytest.mark.parametrize("how", ["rejects", "ignores"])
def test_tokens_per_sample_are_unknown_without_log_probabilities(server, progress, draw, how, capsys):
    setattr(server, how, {"logprobs"})
    entries = draw()
    assert not any({"tokens", "logprob"} & set(sample) for entry in entries for sample in entry["samples"])
    assert "the server does not report tokens per sample" in capsys.readouterr().out


def test_tokens_are_taken_from_usage_with_one_sample_per_request(server, draw):
    server.rejects = {"logprobs"}
    entries = draw(samples_per_request=1)
    assert {s["tokens"] for e in entries for s in e["samples"]} == {3}


def test_neutral_settings_are_sent_only_to_servers_that_support_them(server, draw):
    server.rejects = {"min_p", "include_stop_str_in_output"}
    draw()
    assert all(body["top_k"] == 0 and "min_p" not in body for body in server.sampled())


def test_a_required_setting_that_the_server_rejects_is_an_error(server, draw):
    server.rejects = {"top_k"}
    with pytest.raises(
        RuntimeError, match=r"the study needs sampling\.top_k, but .* answers 400: unknown parameter top_k"
    ):
        draw(sampling={**SAMPLING, "top_k": 20})


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(server, progress, draw, form):
    refused = []

    def respond(body):
        if body in server.sampled() and not refused:
            refused.append(time.monotonic())
            after = "2" if form == "seconds" else email.utils.formatdate(time.time() + 3, usegmt=True)
            return 429, {"error": {"message": "slow down"}}, {"retry-after": after}
        return None

    server.respond = respond
    draw(concurrency=1)
    assert progress.missing == 0
    again = next(
        t for t, body in zip(server.times, server.bodies, strict=True) if t > refused[0] and body in server.sampled()
    )
    assert again - refused[0] >= 1.9


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_transient_errors_are_retried(server, progress, draw, status):
    tries = Counter()

    def respond(body):
        key = json.dumps(body)
        tries[key] += 1
        return (status, {"error": {"message": "later"}}, {}) if tries[key] < 3 else None

    server.respond = respond
    server.ignores = {"seed"}
    draw(concurrency=8)
    assert progress.missing == 0


def test_an_aborted_completion_is_discarded_and_retried(server, progress, draw):
    broken = []

    def respond(body):
        if body["max_tokens"] == 64 and not broken:
            broken.append(body)
            answer = completion(server, body, 0)
            answer["choices"][0]["finish_reason"] = "abort"
            return 200, answer, {}
        return None

    server.respond = respond
    entries = draw()
    assert broken and progress.missing == 0
    assert {s["finish_reason"] for e in entries for s in e["samples"]} == {"stop"}


@pytest.mark.parametrize(
    "answer",
    [(401, {"error": {"message": f"wrong key {KEY}"}}, {}), (403, {"error": f"no: {KEY}"}, {}), (404, f"<p>{KEY}", {})],
)
def test_a_permanent_error_quotes_the_server_but_never_the_key(server, draw, answer, capfd):
    server.respond = lambda body: answer
    with pytest.raises(RuntimeError, match=rf"answers {answer[0]}: .*\[key\]") as error:
        draw()
    assert len(server.bodies) == 1
    told = capfd.readouterr()
    assert KEY not in str(error.value) + told.out + told.err


def test_an_exhausted_quota_is_not_retried(server, draw):
    server.respond = lambda body: (429, {"error": {"message": "pay first", "code": "insufficient_quota"}}, {})
    with pytest.raises(RuntimeError, match="pay first"):
        draw()
    assert len(server.bodies) == 1


def test_a_rejected_request_fails_the_shard_but_keeps_the_other_samples(server, progress, draw):
    refused = {"error": {"message": "the prompt is too long"}}
    server.respond = lambda body: (
        (400, refused, {}) if body in server.sampled() and body["prompt"] == "prompt b" else None
    )
    with pytest.raises(RuntimeError, match=r"problem b, samples from 0: .* answers 400: the prompt is too long"):
        draw(concurrency=1)
    assert progress.num_samples == 8
    server.respond = lambda body: None
    draw()
    assert progress.missing == 0


def test_an_unavailable_server_is_given_up_after_the_patience(server, draw):
    server.respond = lambda body: (503, {"error": {"message": "starting"}}, {})
    began = time.monotonic()
    with pytest.raises(Exception, match="answers 503: starting"):
        draw(patience=2)
    assert time.monotonic() - began < 5


def test_a_retry_after_beyond_the_patience_fails_at_once(server, draw):
    server.respond = lambda body: (429, {"error": {"message": "tomorrow"}}, {"retry-after": "86400"})
    began = time.monotonic()
    with pytest.raises(Exception, match="tomorrow"):
        draw(patience=60)
    assert time.monotonic() - began < 5


def test_a_missing_api_key_is_an_error_that_names_the_config_key(draw, monkeypatch):
    monkeypatch.delenv("SERVER_KEY")
    with pytest.raises(
        ValueError, match=r"models\.m\.endpoint\.api_key_env: the environment variable SERVER_KEY is not set"
    ):
        draw()


def test_the_api_key_is_never_written_to_a_file(progress, draw, tmp_path):
    draw()
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_renamed_token_limit_and_extra_parameters_are_sent(server, progress, draw):
    draw(max_tokens_name="max_completion_tokens", parameters={"reasoning_effort": "low"})
    assert {body["max_completion_tokens"] for body in server.bodies} == {engine.PROBE_TOKENS, 64}
    assert all(body["reasoning_effort"] == "low" and "max_tokens" not in body for body in server.bodies)


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("before", [0, 190, 490])
def test_the_key_is_not_leaked_when_a_quoted_answer_is_truncated_within_it(server, draw, status, before):
    server.respond = lambda body: (status, "." * before + KEY, {})
    with pytest.raises(Exception, match=r"no valid completion|answers 502") as error:
        draw(patience=0)
    assert KEY[:8] not in str(error.value)


def test_lone_surrogates_become_replacement_characters(server, progress, draw):
    def respond(body):
        answer = completion(server, body, 0)
        answer["choices"][0] |= {"text": "half \ud83d, whole \U0001f600"}
        return 200, answer, {}

    server.ignores = {"n"}
    server.respond = respond
    entries = draw()
    assert {s["text"] for e in entries for s in e["samples"]} == {"half \ufffd, whole \U0001f600"}


def trickle():
    while True:
        yield b" "
        time.sleep(0.05)


def test_a_trickling_answer_times_out(server, draw):
    server.respond = lambda body: (200, trickle(), {})
    with pytest.raises(Exception, match=r"sent no complete answer within 0\.5 seconds \(endpoint\.timeout\)"):
        draw(timeout=0.5, patience=1)


@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_answer_is_read_only_up_to_the_maximum_length(server, draw, status):
    server.respond = lambda body: (status, itertools.repeat(b" " * 100_000), {})
    with pytest.raises(Exception, match="sent more than 1,256,000 bytes"):
        draw(patience=0)
    assert server.sent < 40_000_000  # including the buffers in between


def test_compressed_answers_are_neither_requested_nor_unpacked(server, draw):
    bomb = gzip.compress(b" " * 10_000_000)
    server.respond = lambda body: (200, bomb, {"content-encoding": "gzip"})
    with pytest.raises(Exception, match=r"sent no valid completion .*compressed, which was not requested"):
        draw(patience=0)


def with_choice(**changes):
    """Function that changes the first choice of an answer."""
    return lambda answer: answer["choices"][0].update(changes)


def with_usage(usage):
    return lambda answer: answer.update(usage=usage)


MALFORMED = {
    "usage of text": (with_usage({"completion_tokens": "3"}), "usage.completion_tokens"),
    "usage beyond what a file holds": (with_usage({"prompt_tokens": 2**31}), "usage.prompt_tokens"),
    "a negative count": (with_usage({"prompt_tokens": -7}), "usage.prompt_tokens"),
    "a fraction of a token": (with_usage({"prompt_tokens": 7.5}), "usage.prompt_tokens"),
    "usage as a list": (with_usage([1]), "usage"),
    "no number": (with_choice(logprobs={"token_logprobs": [float("nan")]}), "logprobs.token_logprobs.0"),
    "a log-probability above 0": (with_choice(logprobs={"token_logprobs": [-1.0, 2.0]}), "logprobs.token_logprobs.1"),
    "an infinite one": (with_choice(logprobs={"token_logprobs": [float("-inf")]}), "logprobs.token_logprobs.0"),
    "one of text": (with_choice(logprobs={"token_logprobs": ["-1"]}), "logprobs.token_logprobs.0"),
    "log-probabilities of another shape": (with_choice(logprobs={"token_logprobs": {"a": 1}}), "logprobs"),
    "a number of text": (with_choice(index="0"), "choices.0.index"),
    "a number twice": (with_choice(index=1), r"the choices have the numbers \[1, 1, 2, 3\]"),
    "a text that is a number": (with_choice(text=5), "choices.0.text"),
    "a text that is a list": (with_choice(text=["a"]), "choices.0.text"),
    "no text": (with_choice(text=None), "a choice without text"),
    "a reason that is a list": (with_choice(finish_reason=[]), "choices.0.finish_reason"),
    "no choices": (lambda answer: answer["choices"].clear(), "choices"),
}


@pytest.mark.parametrize("how", MALFORMED)
def test_a_malformed_answer_is_one_clear_error_and_is_not_recorded(server, progress, draw, how):
    change, message = MALFORMED[how]

    def respond(body):
        if body not in server.sampled():
            return None
        change(answer := completion(server, body, 0))
        return 200, answer, {}

    server.respond = respond
    with pytest.raises(RuntimeError, match=rf"problem a, samples from 0: .* sent no valid completion \(.*{message}"):
        draw(patience=0, concurrency=1)
    server.respond = lambda body: None
    draw()
    assert progress.missing == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[1]", b"null", b"[" * 100_000, b'{"choices": 1e999}', b"\xff\xfe{", b'{"choices": {"a": 1}}'],
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_invalid_answers_raise_only_expected_errors(server, draw, status, body):
    server.respond = lambda _: (status, body, {"content-type": "application/json; charset=rot13"})
    with pytest.raises((engine.Unavailable, engine.Refused), match=rf"sent no valid completion|answers {status}"):
        draw(patience=0)


def test_an_invalid_retry_after_is_ignored(server, draw):
    for when in ("inf", "nan", "soon", "Mon, 01 Jan 0001 00:00:00 -0000", "1e999"):
        server.respond = lambda body, when=when: (503, {"error": {"message": "later"}}, {"retry-after": when})
        with pytest.raises(engine.Unavailable, match="later"):
            draw(patience=0)


ESCAPED = "".join(f"\\u{ord(letter):04X}" for letter in KEY)


@pytest.mark.parametrize("escaped", [ESCAPED, ESCAPED.replace("\\", "\\\\"), KEY.replace("-", "\\-")])
@pytest.mark.parametrize(
    "body",
    ['{"error": {"message": "no: KEY"}}', '{"choices": "KEY"}', '{"choices": [{"text": "", "finish_reason": "KEY"}]}'],
)
@pytest.mark.parametrize("status", [200, 401, 500])
def test_the_key_is_not_leaked_when_the_server_quotes_it_escaped(server, draw, escaped, body, status, capfd):
    server.respond = lambda _: (status, body.replace("KEY", escaped).encode(), {})
    with pytest.raises(Exception, match=r"\[key\]|asked for") as error:
        draw(patience=0)
    unescaped = re.sub(r"\\+u(\w{4})", lambda match: chr(int(match[1], 16)), str(error.value)).replace("\\", "")
    assert KEY not in unescaped + "".join(capfd.readouterr())


@pytest.mark.parametrize("key", ["sk-broken\nkey", "schlüssel", "a\x00b"])
def test_a_key_that_cannot_be_sent_is_an_error_that_does_not_leak_it(draw, monkeypatch, key):
    monkeypatch.setattr(os, "environ", {**os.environ, "SERVER_KEY": key})
    with pytest.raises(
        ValueError, match=r"api_key_env: the environment variable SERVER_KEY contains characters"
    ) as error:
        draw()
    assert key[:4] not in str(error.value)


def test_an_unavailable_server_is_reported_once_and_again_when_it_recovers(server, draw, capsys):
    tries = Counter()

    def respond(body):
        tries[0] += 1
        return (503, {"error": {"message": "starting"}}, {}) if tries[0] < 4 else None

    server.respond = respond
    draw(patience=60)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        rf"{server.url} answers 503: starting; trying again until \d\d:\d\d \(endpoint.patience: 60\)", lines[0]
    )
    assert lines[1:] == [f"{server.url} answers again"]


def test_a_connection_failure_names_the_address(draw, capsys):
    with pytest.raises(engine.Unavailable, match=r"http://127.0.0.1:9/v1 does not answer: ConnectError"):
        draw(base_url="http://127.0.0.1:9/v1", patience=1)
    assert "http://127.0.0.1:9/v1 does not answer: ConnectError" in capsys.readouterr().out


def test_a_404_suggests_the_usual_end_of_the_address(server, draw):
    server.respond = lambda body: (404, {"detail": "Not Found"}, {})
    with pytest.raises(engine.Refused, match=r"answers 404: .*Not Found.* \(the address of most servers ends in /v1\)"):
        draw(base_url=server.url.removesuffix("/v1"))


JOB = """
import json, sys
sys.path.insert(0, sys.argv[1])
from monkeys.sampling.engines import server
from monkeys.sampling.settings import Sampling
from monkeys.sampling.shard import Shard, open_shard
from monkeys.sampling.strategies import iid
from monkeys.study.study import SourcedModel
args = json.loads(sys.argv[2])
with open_shard(Shard("s", 0, "t", "m", 0, 8, {}), {"a": "prompt a"}, args["journal"], args["samples"]) as progress:
    model = SourcedModel.model_validate({"endpoint": args["endpoint"], "tasks": ["t"]})
    server.sample(progress, model, Sampling(**args["sampling"]), iid.Strategy())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_waiting_job_at_once_and_reports_the_samples_kept(number, server, root, tmp_path, settings):
    hanging = threading.Event()

    def respond(body):
        if body in server.sampled() and len(server.sampled()) > 1:
            hanging.set()
            time.sleep(20)

    server.respond = respond
    files = {name: str(tmp_path / name) for name in ("journal", "samples")}
    args = json.dumps({**files, "endpoint": {**settings, "concurrency": 1, "api_key_env": None}, "sampling": SAMPLING})
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, str(root / "workflow/scripts"), args],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert hanging.wait(30)
    signal_sent = time.monotonic()
    job.send_signal(number)
    output, _ = job.communicate(timeout=10)
    assert time.monotonic() - signal_sent < 5
    assert job.returncode == 128 + number, output
    assert f"ended by {number.name} with 4 of 8 samples of t m shard 0 in the journal; run again to resume" in output
    assert "Traceback" not in output
    assert sum("problem_id" in entry for entry in read_entries(files["journal"])) == 1
