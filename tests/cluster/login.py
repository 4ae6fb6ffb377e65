"""A checkout on a login node: `snakemake --profile slurm`, as a user runs it."""

import re
import sys
from pathlib import Path

import yaml
from checkout import ENGINE, Checkout
from cluster import Cluster

SECONDS = 580
"""The longest that a driver may run: one that hangs is a failure, not a hanging test."""


class LoginNode(Checkout):
    """A copy of the project whose Snakemake submits to Slurm, with the shipped profile.

    Only the time before the first query of states is not the profile's: 5 seconds instead of 40.
    """

    def command(self, *arguments: str, study: str = "mini.yaml") -> list[str]:
        quick = ["--profile", "slurm", "--slurm-init-seconds-before-status-checks", "5"]
        snakemake = [sys.executable, "-m", "snakemake", *quick, *arguments, "--configfile", study]
        return ["timeout", "--kill-after=5", str(SECONDS), *snakemake]

    def fill_in(self, *keys: str, **others: str) -> None:
        """Remove the `# ` of these keys in the profile, as its users do, and give them other values."""
        profile = self.folder / "slurm/profile.yaml"
        text = profile.read_text()
        for key in (*keys, *others):
            value = others.get(key, r"\3")
            text, there = re.subn(rf"^( *)# ({key}: *)({{.*?}}|\S+)", rf"\1\2{value}", text, flags=re.M)
            assert there, key
        profile.write_text(text)

    def submitted(self, cluster: Cluster) -> list[str]:
        """Rules and wildcards of all jobs that Slurm was given by this checkout, in order."""
        return [job["Comment"] for job in cluster.jobs() if job["WorkDir"] == str(self.folder)]


def smoke_study(root: Path, folder: Path) -> LoginNode:
    """A checkout with the smoke study, of the smallest model and of few samples."""
    login = LoginNode.of(root, folder)
    study = yaml.safe_load((root / "studies/smoke.yaml").read_text())
    study["results"] = "results"
    for task in study["tasks"].values():
        task |= {"problems": 4, "samples": 16, "shard": 16}
    model = study["models"].pop("marmoset-3m")
    own = {"weights": "resources/demo/marmoset-0.2m", "engine": ENGINE, "resources": {"mem_mb": 3000, "runtime": 30}}
    study["models"]["small"] = {**model, **own}
    (folder / "mini.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return login
