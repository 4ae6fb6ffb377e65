"""A checkout on a login node, where users run `snakemake --profile slurm`."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from checkout import ENGINE, Checkout
from cluster import Cluster

TIMEOUT = 1800
"""Time limit of a driver, s; a hanging driver must fail its test."""


class LoginNode(Checkout):
    """A copy of the project whose Snakemake submits to Slurm, with the shipped profile.

    It differs from the profile only in querying states after 5 seconds instead of 40, and in verbose output, so that
    tests can search for any message.
    """

    def arguments(self, *arguments: str, study: str = "mini.yaml") -> list[str]:
        faster = ["--slurm-init-seconds-before-status-checks", "5"]
        return ["--profile", "slurm", "--printshellcmds", *faster, *arguments, "--configfile", study]

    def snakemake(self, *arguments: str, study: str = "mini.yaml", succeeds: bool = True, network: bool = True) -> str:
        """Run Snakemake to its end and return its output."""
        driver = self.driver(*arguments, study=study, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            output, _ = driver.communicate(timeout=TIMEOUT)
        finally:
            driver.kill()
            driver.wait()
        assert (driver.returncode == 0) == succeeds, output
        return output

    def driver(self, *arguments: str, study: str = "mini.yaml", **options: Any) -> subprocess.Popen:
        """Start Snakemake as in a terminal; a shell's background jobs would ignore interrupts."""
        command = ["env", "--default-signal=INT", "TERM=dumb", *self.command(*arguments, study=study)]
        return subprocess.Popen(command, cwd=self.folder, env={**os.environ, **options.pop("env", {})}, **options)

    def fill_in(self, *keys: str, **others: str) -> None:
        """Uncomment these keys in the profile, as users do, and set new values where given."""
        profile = self.folder / "slurm/profile.yaml"
        text = profile.read_text()
        for key in (*keys, *others):
            value = others.get(key, r"\3")
            text, count = re.subn(rf"^( *)# ({key}: *)({{.*?}}|\S+)", rf"\1\2{value}", text, flags=re.M)
            assert count, key
        profile.write_text(text)

    def jobs(self, cluster: Cluster) -> list[dict[str, str]]:
        """All jobs that this checkout submitted to Slurm, oldest first."""
        return [job for job in cluster.jobs() if job["WorkDir"] == str(self.folder)]

    def submitted(self, cluster: Cluster) -> list[str]:
        """Rule and wildcards of each submitted job."""
        return [job["Comment"] for job in self.jobs(cluster)]


def smoke_study(root: Path, folder: Path) -> LoginNode:
    """A checkout with the smoke study, reduced to the smallest model and few samples."""
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
