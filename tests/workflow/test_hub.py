"""Models of a hub: fetched at a pinned revision, then sampled without network. A small hub answers on loopback."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from monkeys.storage import read_provenance

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Serves the files of `server.folder` as model tiny/monkey at one commit, and refuses others as the hub does."""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.asked.append(self.path)
        path = self.path.split("?")[0]
        if "tiny/gated" in path:
            return self.answer(403, b"{}", {"x-error-code": "GatedRepo"})
        if "tiny/monkey" not in path:
            return self.answer(404, b"{}", {"x-error-code": "RepoNotFound"})
        if COMMIT not in path:
            return self.answer(404, b"{}", {"x-error-code": "RevisionNotFound"})
        files = {p.name: p.read_bytes() for p in self.server.folder.iterdir()}
        # a second copy of the weights that nobody wants, as some models have
        files |= {"original/consolidated.safetensors": b"x", "notes.md": b"x"}
        if path.startswith("/api/models/tiny/monkey/tree/"):
            return self.json([{"type": "file", "path": n, "size": len(d), "oid": oid(d)} for n, d in files.items()])
        if path.startswith("/api/models/"):
            return self.json({"id": "tiny/monkey", "sha": COMMIT, "siblings": [{"rfilename": n} for n in files]})
        name = path.split(f"/resolve/{COMMIT}/")[1]
        return self.answer(200, files[name], {"etag": f'"{oid(files[name])}"', "x-repo-commit": COMMIT})

    def json(self, value):
        self.answer(200, json.dumps(value).encode(), {"content-type": "application/json"})

    def answer(self, status, data, headers):
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


def oid(data):
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def hub(root, tmp_path, monkeypatch):
    hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    hub.folder, hub.asked = root / "resources/demo/marmoset-0.2m", []
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    yield hub
    hub.shutdown()


def of_hub(checkout, weights, revision=COMMIT):
    engine = checkout.study()["models"]["small"]["engine"]
    checkout.change(
        models={"hub": {"weights": weights, "revision": revision, "tasks": ["arithmetic"], "engine": engine}}
    )
    checkout.change(tasks__arithmetic__samples=16)


def test_a_model_is_fetched_once_and_sampled_with_the_hub_out_of_reach(checkout, hub):
    of_hub(checkout, "tiny/monkey")
    checkout.snakemake("results/models/hub.json")
    facts = json.loads((checkout.folder / "results/models/hub.json").read_text())
    assert facts == {
        "weights": "tiny/monkey",
        "revision": COMMIT,
        "parameters": 166_336,
        "layers": 3,
        "hidden_size": 64,
        "context": 320,
    }
    fetched = {Path(path).name for path in hub.asked if "/resolve/" in path}
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= fetched
    assert not fetched & {"consolidated.safetensors", "notes.md"}
    hub.shutdown()
    asked = len(hub.asked)
    checkout.snakemake("samples")
    assert len(hub.asked) == asked
    (samples,) = checkout.results("samples/arithmetic/hub/*")
    assert read_provenance(samples)["model_settings"]["revision"] == COMMIT


@pytest.mark.parametrize(
    ("weights", "revision", "message"),
    [
        ("tiny/gated", COMMIT, f"tiny/gated at revision {COMMIT} is gated: accept its licence .* `hf auth login`"),
        ("tiny/none", COMMIT, f"tiny/none at revision {COMMIT}: there is no such model on the hub, or it is private"),
        ("tiny/monkey", "v2", "tiny/monkey has no revision v2; .*/tiny/monkey/commits/main lists them"),
    ],
)
def test_a_model_that_cannot_be_had_is_an_error_that_says_why(checkout, hub, weights, revision, message):
    of_hub(checkout, weights, revision)
    said = checkout.snakemake("samples", succeeds=False)
    assert re.search(message, said), said
    assert "rule sample:" not in said


def test_weights_that_left_the_cache_are_an_error_that_says_how_to_get_them(checkout, hub, monkeypatch, tmp_path):
    of_hub(checkout, "tiny/monkey")
    checkout.snakemake("results/models/hub.json")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "other"))
    said = checkout.snakemake("samples", succeeds=False)
    assert "is not in the Hugging Face cache" in said
    assert "--forcerun fetch_model" in said
