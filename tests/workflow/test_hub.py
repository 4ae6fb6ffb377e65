"""Models and datasets from a small hub on loopback: fetched at a pinned revision, then used without network."""

import hashlib
import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from monkeys.storage import read_provenance

COMMIT = "0123456789abcdef0123456789abcdef01234567"


MOVED = "89abcdef0123456789abcdef0123456789abcdef"


class Hub(BaseHTTPRequestHandler):
    """Serves the files of `server.folders` as models and datasets, and answers other requests with the hub's errors.

    `main` is the commit `server.head`; the first `server.fail` requests fail.
    """

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.server.fail:
            self.server.fail -= 1
            return self.answer(503, b"", {})
        path = self.path.split("?")[0]
        if "tiny/gated" in path:
            return self.answer(403, b"{}", {"x-error-code": "GatedRepo"})
        name = next((name for name in self.server.folders if name in path), None)
        if name is None:
            return self.answer(404, b"{}", {"x-error-code": "RepoNotFound"})
        if not any(revision in path for revision in (COMMIT, MOVED, "/revision/main")):
            return self.answer(404, b"{}", {"x-error-code": "RevisionNotFound"})
        folder = self.server.folders[name]
        files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        if "/tree/" in path:
            return self.json([{"type": "file", "path": n, "size": len(d), "oid": oid(d)} for n, d in files.items()])
        if path.startswith("/api/"):
            commit = self.server.head if path.endswith("/main") else COMMIT
            return self.json({"id": name, "sha": commit, "siblings": [{"rfilename": n} for n in files]})
        commit, file = path.split("/resolve/")[1].split("/", 1)
        if file not in files:
            return self.answer(404, b"{}", {"x-error-code": "EntryNotFound"})
        return self.answer(200, files[file], {"etag": f'"{oid(files[file])}"', "x-repo-commit": commit})

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
    model = tmp_path / "served" / "model"
    shutil.copytree(root / "resources/demo/marmoset-0.2m", model)
    # an unneeded second copy of the weights, as in some repositories
    (model / "original").mkdir()
    (model / "original/consolidated.safetensors").write_bytes(b"x")
    (model / "notes.md").write_text("x")
    dataset = tmp_path / "served" / "dataset"
    for subset in ("sums", "others"):
        (dataset / subset).mkdir(parents=True)
        shutil.copy(root / "resources/demo/arithmetic/test.jsonl", dataset / subset)
    configs = [{"config_name": s, "data_files": [{"split": "test", "path": f"{s}/*"}]} for s in ("sums", "others")]
    (dataset / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    hub.folders, hub.requests, hub.fail, hub.head = {"tiny/monkey": model, "tiny/sums": dataset}, [], 0, COMMIT
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    yield hub
    hub.shutdown()


def use_hub_model(checkout, weights, revision=COMMIT):
    engine = checkout.study()["models"]["small"]["engine"]
    checkout.change(
        models={"hub": {"weights": weights, "revision": revision, "tasks": ["arithmetic"], "engine": engine}}
    )
    checkout.change(tasks__arithmetic__samples=16)


def test_a_model_is_fetched_once_and_sampled_with_the_hub_unreachable(checkout, hub):
    use_hub_model(checkout, "tiny/monkey")
    checkout.snakemake("results/models/hub.json")
    facts = json.loads((checkout.folder / "results/models/hub.json").read_text())
    assert facts == {
        "weights": "tiny/monkey",
        "revision": COMMIT,
        "commit": COMMIT,
        "parameters": 166_336,
        "layers": 3,
        "hidden_size": 64,
        "context": 320,
    }
    fetched = {Path(path).name for path in hub.requests if "/resolve/" in path}
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= fetched
    assert not fetched & {"consolidated.safetensors", "notes.md"}
    hub.shutdown()
    num_requests = len(hub.requests)
    checkout.snakemake("samples")
    assert len(hub.requests) == num_requests
    (samples,) = checkout.results("samples/arithmetic/hub/*")
    assert read_provenance(samples)["model_settings"]["revision"] == COMMIT


def test_fetched_models_and_datasets_need_no_network_for_later_jobs(checkout, hub, root):
    source, judge = root / "resources/demo/marmoset-0.2m", hub.folders["tiny/monkey"].with_name("judge")
    AutoModelForSequenceClassification.from_pretrained(source, num_labels=1, pad_token_id=0).save_pretrained(judge)
    AutoTokenizer.from_pretrained(source).save_pretrained(judge)
    hub.folders["tiny/judge"] = judge
    use_hub_model(checkout, "tiny/monkey")
    use_hub_dataset(checkout, revision="main", question="{{ question }}")
    reward = {"weights": "tiny/judge", "revision": COMMIT, "tasks": ["arithmetic"], "chat": False}
    checkout.change(models__hub__tasks=["arithmetic", "programs"], rewards={"judge": reward})
    assert "the hub cannot be reached" in checkout.snakemake(PROMPTS, network=False, succeeds=False)
    checkout.snakemake("--until", "problems", "fetch_model", "fetch_reward")
    output = checkout.snakemake("verdicts", "results/selection/arithmetic/hub.csv", "--printshellcmds", network=False)
    ran = set(re.findall(r"rule (\w+):", output))
    assert ran == {"sample", "verify", "score", "selection", "verdicts"}


@pytest.mark.parametrize(
    ("weights", "revision", "message"),
    [
        ("tiny/gated", COMMIT, f"tiny/gated at revision {COMMIT} is gated: accept its licence .* `hf auth login`"),
        ("tiny/none", COMMIT, f"tiny/none at revision {COMMIT}: the hub has no such model, or it is private"),
        ("tiny/monkey", "v2", "tiny/monkey has no revision v2; .*/tiny/monkey/commits/main lists them"),
    ],
)
def test_an_unavailable_model_is_an_error_that_says_why(checkout, hub, weights, revision, message):
    use_hub_model(checkout, weights, revision)
    output = checkout.snakemake("samples", succeeds=False)
    assert re.search(message, output), output
    assert "Samples:" not in output


def test_weights_missing_from_the_cache_are_an_error_that_says_how_to_fetch_them(checkout, hub, monkeypatch, tmp_path):
    use_hub_model(checkout, "tiny/monkey")
    checkout.snakemake("results/models/hub.json")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "other"))
    output = checkout.snakemake("samples", succeeds=False)
    assert "is not in the Hugging Face cache" in output
    assert "--forcerun fetch_model" in output


def downloaded(hub):
    """Files that were downloaded."""
    return {path.split("/resolve/")[1].split("/", 1)[1] for path in hub.requests if "/resolve/" in path}


def test_the_check_of_a_model_fetches_no_weights_and_nothing_twice(checkout, hub):
    use_hub_model(checkout, "tiny/monkey")
    assert "No mistakes found that can be detected before sampling." in checkout.snakemake("check")
    assert {"config.json", "tokenizer.json"} <= downloaded(hub)
    assert "model.safetensors" not in downloaded(hub)
    hub.requests.clear()
    checkout.snakemake("check")
    assert not hub.requests


def use_hub_dataset(checkout, **changes):
    checkout.change(tasks__arithmetic__dataset="tiny/sums", tasks__arithmetic__subset="sums")
    checkout.change(**{f"tasks__arithmetic__{key}": value for key, value in changes.items()})


PROMPTS = "results/problems/arithmetic.prompts.parquet"


def test_only_the_files_needed_of_a_dataset_are_fetched_at_its_revision(checkout, hub):
    use_hub_dataset(checkout, revision=COMMIT)
    checkout.snakemake("results/problems/arithmetic.parquet")
    assert downloaded(hub) == {"README.md", "sums/test.jsonl"}
    source = read_provenance(checkout.folder / "results/problems/arithmetic.parquet")["problems"]
    assert source == {"dataset": "tiny/sums", "revision": COMMIT, "commit": COMMIT, "subset": "sums", "split": "test"}


def test_a_dataset_branch_stays_pinned_to_its_first_commit(checkout, hub):
    use_hub_dataset(checkout, revision="main")
    checkout.snakemake(PROMPTS)
    hub.head = MOVED
    checkout.change(tasks__arithmetic__prompt="{{ question }}")
    checkout.snakemake(PROMPTS)
    assert read_provenance(checkout.folder / PROMPTS)["problems"]["commit"] == COMMIT
    assert not [path for path in hub.requests if MOVED in path]
    (note,) = checkout.results("revisions/dataset/*")
    assert (note.name, note.read_text()) == ("tiny--sums@main", f"{COMMIT}\n")


def test_a_model_branch_stays_pinned_to_its_first_commit(checkout, hub):
    use_hub_model(checkout, "tiny/monkey", "main")
    checkout.snakemake("results/models/hub.json")
    hub.head = MOVED
    checkout.snakemake("samples", "--forcerun", "fetch_model")
    checkout.snakemake("samples")
    assert not [path for path in hub.requests if MOVED in path]
    (samples,) = checkout.results("samples/arithmetic/hub/*")
    assert [start["commit"] for start in read_provenance(samples)["engine_starts"]] == [COMMIT]


def test_a_dataset_in_the_cache_needs_no_network(checkout, hub, monkeypatch):
    use_hub_dataset(checkout, revision="main")
    checkout.snakemake(PROMPTS)
    first = (checkout.folder / PROMPTS).read_bytes()
    hub.shutdown()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    checkout.snakemake(PROMPTS, "--forcerun", "prompts")
    assert (checkout.folder / PROMPTS).read_bytes() == first


def test_requests_to_a_failing_hub_are_retried(checkout, hub):
    use_hub_dataset(checkout, revision="main")
    hub.fail = 2
    checkout.snakemake(PROMPTS)


def test_an_unavailable_dataset_is_an_error_that_says_why(checkout, hub, monkeypatch):
    use_hub_dataset(checkout, revision="v2")
    assert "tiny/sums has no revision v2; https://huggingface.co/datasets/tiny/sums/commits" in checkout.snakemake(
        PROMPTS, succeeds=False
    )
    use_hub_dataset(checkout, revision=COMMIT)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    output = checkout.snakemake(PROMPTS, succeeds=False)
    assert f"tiny/sums at revision {COMMIT} is not in the Hugging Face cache, and the hub cannot be reached" in output
