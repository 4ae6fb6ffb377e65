"""Throughput of our sampling loop, compared with others on the demo's prompts: same engine settings, same requests.

The peers are a bare `LLM.generate` (which keeps every result in memory), which is the minimum for an engine;
lm-evaluation-harness with its vLLM model; and a loop of HTTP requests to a vLLM server, 32 workers with one problem
each, as in the paper's released code. Ours includes its journal and the samples file. What log-probabilities cost is
measured for ours and for the bare engine. Start-up is excluded. All but the HTTP loop share one engine in one process;
the contestant that goes first rotates.

Ends with lines `sampling: ours/peer = X (min–max over n pairs)`, ratios of samples per second, then the fraction of a
ten-minute shard spent on the engine's start-up, and the growth of memory for one and for eight times as many samples.
"""

import argparse
import importlib.metadata
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml

if TYPE_CHECKING:
    from monkeys.sampling.settings import Sampling

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

ENGINE: dict[str, Any] = {"dtype": "float32", "enforce_eager": True, "max_num_seqs": 256, "block_size": 32}
ENVIRONMENT = {
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}
SHARD_SECONDS = 600


def prompts_and_settings() -> "tuple[dict[str, str], Sampling]":
    """Prompts of the demo's word problems, and the demo's sampling settings for them."""
    from monkeys.study import Study
    from monkeys.tasks.problems import build_prompts
    from monkeys.tasks.rows import TaskData

    study = Study.load(yaml.safe_load(Path("studies/demo.yaml").read_text()))
    task = study.tasks["arithmetic"]
    prompts = build_prompts(task, TaskData(task, study.results))
    settings = study.sampling("arithmetic", "marmoset-3m").replaced({"logprobs": False})
    return {row["problem_id"]: row["prompt"] for row in prompts}, settings


def harness(weights: str) -> Any:
    """lm-evaluation-harness's vLLM model, whose engine the other contestants share."""
    from vllm.platforms import current_platform

    assert current_platform.device_type  # detected now, because it depends on the real package name
    installed = importlib.metadata.version

    def version(distribution_name: str) -> str:
        """Version of a package; the CPU build of vLLM has another name, which the harness does not know."""
        return installed("vllm-cpu" if distribution_name == "vllm" else distribution_name)

    importlib.metadata.version = version
    try:
        from lm_eval.models.vllm_causallms import VLLM
    finally:
        importlib.metadata.version = installed
    return VLLM(weights, seed=1, batch_size="auto", disable_log_stats=True, generation_config="vllm", **ENGINE)


def ours(llm: Any, prompts: dict[str, str], sampling: "Sampling", samples: int) -> None:
    """Draw a shard with a journal and write its samples file."""
    from monkeys.sampling import signals
    from monkeys.sampling.engines.vllm import Engine
    from monkeys.sampling.journal import Journal
    from monkeys.sampling.loop import draw
    from monkeys.sampling.shard import Shard, ShardProgress
    from monkeys.sampling.strategies import iid
    from monkeys.sampling.tokens import PromptEncoder

    shard = Shard("bench", 0, "arithmetic", "model", 0, samples, {"sampling": sampling.distribution(1)})
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "0.jsonl", "bench") as journal:
        progress = ShardProgress(shard, prompts, journal)
        progress.begin({"engine": "vllm"})
        engine = Engine(llm, PromptEncoder(llm.get_tokenizer(), chat=None, model="model"))
        signals.run(draw(progress, engine, iid.Strategy(), sampling))
        progress.write(str(Path(folder) / "0.parquet"))


def over_http(url: str, prompts: dict[str, str], sampling: "Sampling", samples: int, n: int) -> None:
    """Send HTTP requests: one problem per worker, its requests in sequence."""

    def problem(prompt: str) -> None:
        with httpx.Client(timeout=600) as client:
            body = {"model": "model", "prompt": prompt, "n": n}
            body |= sampling.model_dump(include={"temperature", "max_tokens"})
            for _ in range(samples // n):
                client.post(f"{url}/v1/completions", json=body).raise_for_status()

    with ThreadPoolExecutor(32) as workers:
        list(workers.map(problem, prompts.values()))


def measure(weights: str, samples: int, turn: int, url: str) -> dict[str, float]:
    """Samples per second of each contestant."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    import vllm
    from lm_eval.api.instance import Instance

    from monkeys.sampling.engines.vllm import PER_REQUEST

    peer = harness(weights)
    llm = peer.model
    prompts, sampling = prompts_and_settings()

    def bare(logprobs: int | None) -> None:
        limits = sampling.model_dump(include={"temperature", "max_tokens"})
        parameters = vllm.SamplingParams(n=PER_REQUEST, logprobs=logprobs, **limits)
        copies = samples // PER_REQUEST
        llm.generate([prompt for prompt in prompts.values() for _ in range(copies)], parameters, use_tqdm=False)

    def lm_eval() -> None:
        how = {"temperature": sampling.temperature, "do_sample": True, "until": []}
        how["max_gen_toks"] = sampling.max_tokens
        texts = [prompt for prompt in prompts.values() for _ in range(samples)]
        instances = [Instance("generate_until", {}, (text, dict(how)), i) for i, text in enumerate(texts)]
        peer.generate_until(instances, disable_tqdm=True)

    contestants: dict[str, Callable[[], None]] = {
        "ours": lambda: ours(llm, prompts, sampling, samples),
        "ours with log-probabilities": lambda: ours(llm, prompts, sampling.replaced({"logprobs": True}), samples),
        "LLM.generate": lambda: bare(None),
        "LLM.generate with log-probabilities": lambda: bare(0),
        "lm-evaluation-harness": lm_eval,
        "HTTP requests": lambda: over_http(url, prompts, sampling, samples, PER_REQUEST),
    }
    bare(None)  # warm-up
    rates = {}
    for name in (list(contestants) * 2)[turn : turn + len(contestants)]:
        start = time.perf_counter()
        contestants[name]()
        rates[name] = samples * len(prompts) / (time.perf_counter() - start)
    return rates


def measure_memory(weights: str, samples: int) -> dict[str, float]:
    """Start-up time of an engine, s; its memory when warm and the growth to the peak while sampling, MiB."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    start = time.perf_counter()
    import vllm

    # a KV cache so small that the warm-up touches all of it; a larger one would become resident only gradually
    small = {**ENGINE, "max_num_seqs": 64, "num_gpu_blocks_override": 512}
    llm = vllm.LLM(weights, seed=1, generation_config="vllm", disable_log_stats=True, **small)
    ready = time.perf_counter() - start
    prompts, sampling = prompts_and_settings()
    ours(llm, prompts, sampling, 16)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = memory("VmRSS")
    ours(llm, prompts, sampling, samples)
    return {"start-up": ready, "engine": before, "growth": memory("VmHWM") - before}


def memory(key: str) -> float:
    """A field of /proc/self/status, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


@contextmanager
def server(weights: str) -> Iterator[str]:
    """A vLLM server with the model; yields its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = [f"--{key.replace('_', '-')}={value}" for key, value in ENGINE.items() if value is not True]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", weights, "--enforce-eager"]
    command += ["--served-model-name=model", "--host=127.0.0.1", f"--port={port}", *settings]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5)
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait()


def run_part(options: argparse.Namespace, *arguments: str) -> dict[str, float]:
    """Run one part of this program in a separate process; returns what it prints as JSON."""
    command = [sys.executable, __file__, "--weights", options.weights, "--samples", str(options.samples), *arguments]
    return json.loads(subprocess.check_output(command, text=True).splitlines()[-1])


def report(one: str, other: str, pairs: list[dict[str, float]]) -> None:
    """Print the ratio of two contestants' rates."""
    ratios = [rates[one] / rates[other] for rates in pairs]
    spread = f"{min(ratios):.2f}–{max(ratios):.2f} over {len(ratios)} pairs"
    print(f"sampling: {one}/{other} = {statistics.median(ratios):.2f} ({spread})")


def main() -> None:
    """Run the pairs and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default=str(ROOT / "resources/demo/marmoset-3m"))
    parser.add_argument("--samples", type=int, default=64, help="per problem, a multiple of 16")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--pair", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--grow", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ |= ENVIRONMENT
    os.chdir(ROOT)
    if options.pair is not None:
        print(json.dumps(measure(options.weights, options.samples, options.pair, options.url)))
        return
    if options.grow:
        print(json.dumps(measure_memory(options.weights, options.samples)))
        return
    pairs = []
    with server(options.weights) as url:
        for pair in range(options.pairs):
            pairs.append(run_part(options, "--pair", str(pair), "--url", url))
            print(", ".join(f"{name} {rate:.0f} samples/s" for name, rate in pairs[-1].items()), flush=True)
    once, more = (run_part(options, "--grow", "--samples", str(times * options.samples)) for times in (1, 8))
    for peer in [name for name in pairs[0] if not name.startswith("ours")]:
        mine = "ours with log-probabilities" if peer.endswith("with log-probabilities") else "ours"
        report(mine, peer, pairs)
    report("ours with log-probabilities", "ours", pairs)
    share = once["start-up"] / (once["start-up"] + SHARD_SECONDS)
    print(f"sampling: start-up {once['start-up']:.0f} s, {share:.1%} of a shard of {SHARD_SECONDS // 60} minutes")
    print(
        f"sampling: peak memory above the engine's own ({once['engine']:.0f} MiB): {once['growth']:.0f} MiB for "
        f"{options.samples} samples per problem, {more['growth']:.0f} MiB for {8 * options.samples}"
    )


if __name__ == "__main__":
    main()
