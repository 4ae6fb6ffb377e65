"""A checkout on a login node: `snakemake --profile slurm`, as a user runs it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from checkout import ENGINE, Checkout
from cluster import Cluster

SECONDS = 1800
"""The longest that a driver may run: one that hangs is a failure, not a hanging test."""


class LoginNode(Checkout):
    """A copy of the project whose Snakemake submits to Slurm, with the shipped profile.

    Only the time before the first query of states is not the profile's: 5 seconds instead of 40. And Snakemake says
    all that it can say, so that a test that misses a word in it has not looked at a calm console.
    """

    def arguments(self, *arguments: str, study: str = "mini.yaml") -> list[str]:
        quick = ["--slurm-init-seconds-before-status-checks", "5"]
        return ["--profile", "slurm", "--printshellcmds", *quick, *arguments, "--configfile", study]

    def snakemake(self, *arguments: str, study: str = "mini.yaml", succeeds: bool = True, network: bool = True) -> str:
        """Run Snakemake to its end and return what it said."""
        driver = self.driver(*arguments, study=study, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            said, _ = driver.communicate(timeout=SECONDS)
        finally:
            driver.kill()
            driver.wait()
        assert (driver.returncode == 0) == succeeds, said
        return said

    def driver(self, *arguments: str, study: str = "mini.yaml", **how: Any) -> subprocess.Popen:
        """Start Snakemake; as if from a terminal: what runs in the background of a shell ignores interrupts."""
        command = ["env", "--default-signal=INT", "TERM=dumb", *self.command(*arguments, study=study)]
        return subprocess.Popen(command, cwd=self.folder, env={**os.environ, **how.pop("env", {})}, **how)

    def fill_in(self, *keys: str, **others: str) -> None:
        """Remove the `# ` of these keys in the profile, as its users do, and give them other values."""
        profile = self.folder / "slurm/profile.yaml"
        text = profile.read_text()
        for key in (*keys, *others):
            value = others.get(key, r"\3")
            text, there = re.subn(rf"^( *)# ({key}: *)({{.*?}}|\S+)", rf"\1\2{value}", text, flags=re.M)
            assert there, key
        profile.write_text(text)

    def jobs(self, cluster: Cluster) -> list[dict[str, str]]:
        """All jobs that Slurm was given by this checkout, oldest first."""
        return [job for job in cluster.jobs() if job["WorkDir"] == str(self.folder)]

    def submitted(self, cluster: Cluster) -> list[str]:
        """Rules and wildcards of those jobs."""
        return [job["Comment"] for job in self.jobs(cluster)]


def smoke_study(root: Path, folder: Path) -> LoginNode:
    """A checkout with the smoke study, of the smallest model and of few samples."""
    login = LoginNode.of(root, folder)
    study = yaml.safe_load((root / "studies/smoke.yaml").read_text())
    study["results"] = "results"
    for task in study["tasks"].values():
        task |= {"problems": 4, "samples": 16, "shard_size": 16}
    model = study["models"].pop("marmoset-3m")
    own = {"weights": "resources/demo/marmoset-0.2m", "engine": ENGINE, "resources": {"mem_mb": 3000, "runtime": 30}}
    study["models"]["small"] = {**model, **own}
    (folder / "mini.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return login
