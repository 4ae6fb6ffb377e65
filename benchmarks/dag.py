"""Time to plan a study, compared with Snakemake's own floor: a bare workflow with the same jobs, files and edges.

Planned (`snakemake --dry-run`) are the paper's study in `config.yaml`, a study of 10,000 jobs, and one of 10,000
shards, which has twice as many jobs. The peer samples, verifies and tallies the same number of shards; its rules have
inputs, outputs, logs and scripts, but no functions for params and resources, and it has no other rules. Both are whole
runs of Snakemake, alternately.

The case "parsing" plans one job of the largest study that depends on no other, compared with a Snakefile of one rule; a
cluster job parses twice.

Ends with lines `dag, case: ours/bare = X (min–max over n pairs)` of CPU time, with medians of wall time and memory.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from monkeys.study import Study  # noqa: E402

BARE = """
SHARDS = {shards}

def shards(stage):
    return lambda w: [f"{{stage}}/{{w.task}}/{{w.model}}/{{shard}}.parquet" for shard in range(SHARDS[w.task])]

wildcard_constraints:
    task="[^/.]+",
    model="[^/]+",
    shard="[0-9]+"

rule all:
    input: {tallies}

rule prompts:
    output: "{{task}}.prompts.parquet", "{{task}}.prompts"
    log: "prompts/{{task}}.log"
    script: "script.py"

rule problems:
    input: "{{task}}.prompts.parquet"
    output: "{{task}}.parquet", "{{task}}.references"
    log: "problems/{{task}}.log"
    script: "script.py"

rule fetch_model:
    output: "{{model}}.fetched"
    log: "fetch_model/{{model}}.log"
    script: "script.py"

rule sample:
    input: "{{task}}.prompts.parquet", "{{task}}.prompts", "{{model}}.fetched"
    output: "samples/{{task}}/{{model}}/{{shard}}.parquet"
    log: "sample/{{task}}/{{model}}/{{shard}}.log"
    script: "script.py"

rule verify:
    input: "samples/{{task}}/{{model}}/{{shard}}.parquet", "{{task}}.parquet", "{{task}}.references"
    output: "verdicts/{{task}}/{{model}}/{{shard}}.parquet"
    log: "verify/{{task}}/{{model}}/{{shard}}.log"
    script: "script.py"

rule tally:
    input: shards("samples"), shards("verdicts")
    output: "tallies/{{task}}/{{model}}.parquet"
    log: "tally/{{task}}/{{model}}.log"
    script: "script.py"
"""
ONE_RULE = "rule nothing:\n    output: 'nothing'\n    shell: 'true'\n"


def bare(study: Study) -> str:
    """A bare Snakefile with the shards of a study."""
    tallies = [f"tallies/{task}/{model}.parquet" for task, model in study.pairs()]
    shards = {task: len(study.shards(task, model)) for task, model in study.pairs()}
    return BARE.format(tallies=tallies, shards=shards)


def study_of_shards(shards: int) -> dict[str, Any]:
    """A study with this many shards: four tasks, five models."""
    tasks = {
        name: {"samples": shards // 20, "shard_size": 1} for name in ("gsm8k", "math", "code_contests", "humaneval")
    }
    model = {"weights": "some/model", "revision": "main", "tasks": list(tasks)}
    return {"study": "bench", "tasks": tasks, "models": {f"model{number}": model for number in range(5)}}


def plan(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak MiB of one dry run."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--dry-run", "--quiet", "all"]
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed in {folder}")
    return used.ru_utime + used.ru_stime, time.monotonic() - start, used.ru_maxrss / 1024


def format_medians(runs: list[tuple[float, float, float]]) -> str:
    """Medians over runs, formatted."""
    cpu, wall, peak = map(statistics.median, zip(*runs, strict=True))
    return f"{wall:.1f} s ({cpu:.1f} s of CPU time), {peak:.0f} MiB"


def main() -> None:
    """Run the pairs and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    paper = yaml.safe_load((ROOT / "config.yaml").read_text())
    studies = {
        "the paper's study": paper,
        "10,000 jobs": study_of_shards(5000),
        "10,000 shards": study_of_shards(10_000),
    }
    lines = []
    with tempfile.TemporaryDirectory() as name:
        cases = [(title, config, bare(Study.load(config)), "all") for title, config in studies.items()]
        cases.append(("parsing", study_of_shards(10_000), ONE_RULE, "summary"))
        for title, config, snakefile, target in cases:
            folder = Path(name, title)
            folder.mkdir()
            (folder / "study.yaml").write_text(yaml.safe_dump(config))
            (folder / "Snakefile").write_text(snakefile)
            (folder / "script.py").touch()
            ours, peer = [], []
            for _ in range(options.pairs):
                peer.append(plan(folder))
                ours.append(plan(folder, target, "--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"))
                print(f"{title}: ours {format_medians(ours[-1:])}; bare {format_medians(peer[-1:])}", flush=True)
            ratios = [mine[0] / theirs[0] for mine, theirs in zip(ours, peer, strict=True)]
            spread = f"{min(ratios):.2f}–{max(ratios):.2f} over {len(ratios)} pairs"
            lines.append(
                f"dag, {title}: ours/bare = {statistics.median(ratios):.2f} ({spread}); "
                f"ours {format_medians(ours)}, bare {format_medians(peer)}"
            )
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
