"""A study sampled from a real vLLM server on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from monkeys.sampling.journal import read_entries
from monkeys.storage import read_provenance, read_rows

pytestmark = pytest.mark.xdist_group("server")

KEY = "sk-of-the-tests"
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"


class Server:
    """A vLLM server with the demo's middle model."""

    def __init__(self, root, folder):
        self.log = folder / "log"
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        (folder / "template.jinja").write_text(TEMPLATE)
        self.command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
        self.command += ["--model", str(root / "resources/demo/marmoset-0.8m"), "--served-model-name", "marmoset"]
        self.command += ["--host", "127.0.0.1", "--port", str(self.port), "--api-key", KEY, "--dtype", "float32"]
        self.command += ["--enforce-eager", "--block-size", "32", "--max-num-seqs", "64"]
        self.command += ["--chat-template", str(folder / "template.jinja")]
        self.start()
        self.wait()

    def start(self):
        environment = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"},
                start_new_session=True,
            )

    def wait(self):
        deadline = time.monotonic() + 240
        while True:
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5)
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()[-3000:]
                time.sleep(0.5)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    server = Server(root, tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.fixture
def study(checkout, server, monkeypatch):
    monkeypatch.setenv("MARMOSET_KEY", KEY)
    endpoint = {"base_url": server.url, "model": "marmoset", "api_key_env": "MARMOSET_KEY", "concurrency": 8}
    checkout.change(
        models={
            "raw": {"endpoint": endpoint, "tasks": ["arithmetic"]},
            "chat": {"endpoint": endpoint, "chat": True, "tasks": ["programs"]},
        },
        tasks__arithmetic__samples=320,
        tasks__arithmetic__shard_size=320,
        # long samples keep the server, which is much faster than the test, busy for a while
        tasks__arithmetic__sampling={"temperature": 1.5, "max_tokens": 200},
    )
    return checkout


def test_a_study_survives_a_crash_and_restart_of_its_server(study, server):
    target = study.folder / "results/samples/arithmetic/raw/0.parquet"
    journal = study.folder / "results/.journal/arithmetic/raw/0.jsonl"
    with open(study.folder / "console", "w") as console:
        run = subprocess.Popen(
            study.command(str(target.relative_to(study.folder))), cwd=study.folder, stdout=console, stderr=console
        )
    deadline = time.monotonic() + 120
    while not journal.exists() or journal.read_bytes().count(b'"problem_id"') < 30:
        assert run.poll() is None and time.monotonic() < deadline, (study.folder / "console").read_text()
        time.sleep(0.02)
    server.kill()
    recorded = study.folder / "recorded.jsonl"
    shutil.copy(journal, recorded)
    assert run.poll() is None
    server.start()
    server.wait()
    assert run.wait(timeout=240) == 0, (study.folder / "console").read_text()

    study.snakemake("tallies")
    rows = list(read_rows(target))
    texts = {(row["problem_id"], row["sample"]): row["text"] for row in rows}
    assert len(rows) == len(texts) == 10 * 320
    before = [entry for entry in read_entries(recorded) if "samples" in entry]
    assert len(before) >= 30
    for entry in before:
        numbers = range(entry["first"], entry["first"] + len(entry["samples"]))
        assert [texts[entry["problem_id"], n] for n in numbers] == [sample["text"] for sample in entry["samples"]]
    improbable = [(row["problem_id"], row["text"]) for row in rows if row["logprob"] < -20]
    assert len(improbable) > 100
    assert len(set(improbable)) == len(improbable)  # no seed was used twice

    provenance = read_provenance(target)
    assert provenance["usage"]["completion_tokens"] == sum(row["tokens"] for row in rows)
    assert all(row["logprob"] < 0 for row in rows)
    (start,) = provenance["engine_starts"]
    assert start["takes"] == ["include_stop", "logprobs", "min_p", "n", "seed", "top_k"]
    (chat,) = study.results("samples/programs/chat/*")
    assert all(row["text"] for row in read_rows(chat))

    assert study.plan("tallies") == {}
    assert (
        study.plan(
            "tallies",
            models__raw__endpoint={**study.study()["models"]["raw"]["endpoint"], "base_url": "http://elsewhere/v1"},
        )
        == {}
    )
    files = [path for path in study.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_an_unknown_model_is_an_error_that_quotes_the_server(study):
    study.change(models__raw__endpoint={**study.study()["models"]["raw"]["endpoint"], "model": "gibbon"})
    output = study.snakemake("results/samples/arithmetic/raw/0.parquet", succeeds=False)
    assert "answers 404: The model `gibbon` does not exist" in output
