"""A copy of the project in which tests really run Snakemake, and a small study of the demo models."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import snakemakes
import yaml

PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "slurm", "studies", "resources", "envs")

WITHOUT_NETWORK = """
import fcntl, os, socket, struct, sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS: loopback is up
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Program that runs a command with loopback only; to be started in a new network namespace."""


@dataclass
class Checkout:
    """A copy of the project in which a test may run, edit and break things."""

    folder: Path

    @classmethod
    def of(cls, root: Path, folder: Path) -> "Checkout":
        folder.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            if (root / part).is_dir():
                shutil.copytree(root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(root / part, folder / part)
        return cls(folder)

    def copy(self, folder: Path) -> "Checkout":
        """Copy the checkout with all results, Snakemake's records and modification times."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Checkout(folder)

    def arguments(self, *arguments: str, study: str = "mini.yaml") -> list[str]:
        # --configfile comes last because it would take a target that follows for another config
        return ["--cores", "2", *arguments, "--configfile", study]

    def command(self, *arguments: str, study: str = "mini.yaml") -> list[str]:
        return [sys.executable, "-m", "snakemake", *self.arguments(*arguments, study=study)]

    def snakemake(self, *arguments: str, study: str = "mini.yaml", succeeds: bool = True, network: bool = True) -> str:
        """Run Snakemake to its end and return its output."""
        if network:
            status, output = snakemakes.run(self.arguments(*arguments, study=study), self.folder)
        else:
            namespace = ["--net"] if os.geteuid() == 0 else ["--net", "--map-root-user"]
            command = ["unshare", *namespace, sys.executable, "-c", WITHOUT_NETWORK]
            result = subprocess.run(
                [*command, *self.command(*arguments, study=study)],
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=dict(os.environ, TERM="dumb"),
            )
            status, output = result.returncode, result.stdout
        assert (status == 0) == succeeds, output
        return output

    def plan(self, *targets: str, **changes: Any) -> Counter[str]:
        """Number of jobs that a run would start after changes to the study, by rule and by rule and wildcards."""
        self.change(**changes)
        full = self.snakemake("--dry-run", *targets)
        jobs: Counter[str] = Counter()
        rule = ""
        for line in full.splitlines():
            if match := re.match(r"(?:local)?rule (\w+):", line):
                rule = match[1]
                jobs[rule] += 1
            elif match := re.match(r"\s+wildcards: (.*)", line):
                jobs[f"{rule} {match[1]}"] += 1
        for target in ("all", *targets):
            del jobs[target]
        return jobs

    def publish(self, name: str, records: list[dict[str, Any]]) -> dict[str, Any]:
        """Write a dataset of published samples in hub layout; return its config without subsets."""
        folder = self.folder / "published"
        folder.mkdir(exist_ok=True)
        (folder / "samples.json").write_text(json.dumps(records))
        files = {"split": "test", "path": "samples.json"}
        header = yaml.safe_dump({"configs": [{"config_name": name, "data_files": [files]}]})
        (folder / "README.md").write_text(f"---\n{header}---\n")
        return {"dataset": "published"}

    def study(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / "mini.yaml").read_text())

    def change(self, **changes: Any) -> None:
        """Set keys of the study, given as `tasks__arithmetic__samples=…` (a dash in a name is written as `_0`)."""
        study = self.study()
        for path, value in changes.items():
            *parents, key = path.replace("_0", "-").split("__")
            node = study
            for parent in parents:
                node = node[parent]
            node[key] = value
        (self.folder / "mini.yaml").write_text(yaml.safe_dump(study, sort_keys=False))

    def log(self, job: str) -> str:
        return (self.folder / f"results/logs/{job}.log").read_text()

    def results(self, pattern: str) -> list[Path]:
        return sorted((self.folder / "results").glob(pattern))


ENGINE = {"dtype": "float32", "enforce_eager": True, "separate_process": False, "max_num_seqs": 64, "block_size": 32}

MINI = {
    "study": "mini",
    "tasks": {
        "arithmetic": {
            "dataset": "resources/demo/arithmetic",
            "columns": {"id": "id", "reference": "answer"},
            "prompt": "Question: {{ question }}\nAnswer:\n",
            "verifier": "gsm8k",
            "problems": 10,
            "samples": 32,
            "shard_size": 16,
            "sampling": {"temperature": 1.0, "max_tokens": 64},
        },
        "programs": {
            "dataset": "resources/demo/programs",
            "columns": {"id": "id", "reference": "tests"},
            "prompt": "Specification: {{ specification }}\nProgram:\n",
            "verifier": "programs",
            "problems": 6,
            "samples": 16,
            "shard_size": 16,
            "sampling": {"temperature": 0.8, "max_tokens": 128, "logprobs": True},
            "limits": {"cpu_seconds": 1, "memory_mb": 256},
        },
    },
    "models": {
        "small": {"weights": "resources/demo/marmoset-0.2m", "tasks": ["arithmetic", "programs"], "engine": ENGINE},
        "medium": {"weights": "resources/demo/marmoset-0.8m", "tasks": ["arithmetic"], "engine": ENGINE},
    },
}
