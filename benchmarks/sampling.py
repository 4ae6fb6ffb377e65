"""Our sampling loop beside a bare `LLM.generate` on the demo's prompts, same engine, same settings, start-up excluded.

Ours writes a journal and the samples file; the bare call keeps every result in memory. It is measured twice: with the
log-probabilities that ours stores, and without them, which is the least an engine can do. All three run in one
process, in turn first. Ends with lines `sampling: ours/bare = X (min–max over n pairs)`, ratios of samples per second.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

LEAST = "without log-probabilities"


def measure(weights: str, samples: int, pair: int) -> dict[str, float]:
    """Samples per second of each contestant, in one engine."""
    os.environ |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
    os.environ |= {"VLLM_NO_USAGE_STATS": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    os.chdir(ROOT)
    import vllm

    from monkeys import study
    from monkeys.sampling import vllm as ours
    from monkeys.sampling.journal import Journal
    from monkeys.sampling.shard import Progress, Shard
    from monkeys.tasks.problems import build_problems, load_rows

    config = study.checked(yaml.safe_load(Path("studies/demo.yaml").read_text()))
    task, sampling = config["tasks"]["arithmetic"], study.sampling_settings(config, "arithmetic", "marmoset-0.8m")
    engine = config["models"]["marmoset-0.8m"]["engine"]
    llm = vllm.LLM(weights, seed=1, generation_config="vllm", disable_log_stats=True, **ours.arguments(engine))
    rows = load_rows(task["dataset"], task["subset"], task["split"], task["revision"])
    prompts = {p["problem_id"]: p["prompt"] for p in build_problems(rows, task, config["seed"])}
    total = samples * len(prompts)

    def bare(logprobs: int | None) -> float:
        parameters = vllm.SamplingParams(
            n=ours.PER_REQUEST,
            temperature=sampling["temperature"],
            max_tokens=sampling["max_tokens"],
            logprobs=logprobs,
        )
        copies = samples // ours.PER_REQUEST
        start = time.perf_counter()
        llm.generate([prompt for prompt in prompts.values() for _ in range(copies)], parameters, use_tqdm=False)
        return total / (time.perf_counter() - start)

    def journalled() -> float:
        shard = Shard("bench", 0, "arithmetic", "model", 0, samples, {"sampling": sampling})
        with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "0.jsonl", "bench") as journal:
            progress = Progress(shard, prompts, journal)
            start = time.perf_counter()
            ours.run(llm, progress, sampling)
            progress.write(str(Path(folder) / "0.parquet"))
            return total / (time.perf_counter() - start)

    bare(0)  # warm-up
    contestants = [("ours", journalled), ("bare", lambda: bare(0)), (f"bare {LEAST}", lambda: bare(None))]
    turn = pair % len(contestants)
    return {name: run() for name, run in contestants[turn:] + contestants[:turn]}


def main() -> None:
    """Run the pairs and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default=str(ROOT / "resources/demo/marmoset-0.8m"))
    parser.add_argument("--samples", type=int, default=64, help="per problem, a multiple of 16")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--pair", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pair is not None:
        print(json.dumps(measure(options.weights, options.samples, options.pair)))
        return
    pairs = []
    for pair in range(options.pairs):
        again = ["--weights", options.weights, "--samples", str(options.samples), "--pair", str(pair)]
        output = subprocess.check_output([sys.executable, __file__, *again], text=True)
        pairs.append(json.loads(output.splitlines()[-1]))
        print(", ".join(f"{name} {rate:.0f} samples/s" for name, rate in sorted(pairs[-1].items())), flush=True)
    for peer in ("bare", f"bare {LEAST}"):
        ratios = [rates["ours"] / rates[peer] for rates in pairs]
        spread = f"{min(ratios):.2f}–{max(ratios):.2f} over {len(ratios)} pairs"
        print(f"sampling: ours/{peer} = {statistics.median(ratios):.2f} ({spread})")


if __name__ == "__main__":
    main()
