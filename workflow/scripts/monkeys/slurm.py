"""Preflight: report, before submitting, jobs that Slurm would reject or leave pending.

`make slurm-check` runs this module: it asks the cluster what there is, and sees whether slurm/profile.yaml fits. It
needs Slurm's commands and nothing of a study.
"""

import getpass
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROFILE = "slurm/profile.yaml"

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol", "sacct", "sacctmgr")
"""All that the executor calls. Without one of them it may wait for ever for an answer."""

FLAGS = {
    "slurm_account": "--account",
    "slurm_partition": "--partition",
    "qos": "--qos",
    "constraint": "--constraint",
    "mem_mb": "--mem",
    "runtime": "--time",
    "gres": "--gres",
}
"""The option of sbatch for each of Snakemake's resources."""

SHARED = (
    *("nfs", "lustre", "gpfs", "beegfs", "ceph", "weka", "panfs", "afs", "pvfs", "orangefs", "gluster", "cifs", "smb"),
    *("fuse", "9p", "virtiofs"),
)
"""How the types of file systems begin that several nodes can see."""

PASSING = ("None", "Resources", "Priority", "Dependency", "BeginTime", "Reservation", "JobHeldUser", "Prolog")
"""Reasons to wait that pass by themselves, or that the user gave; others may be for ever."""


@dataclass(frozen=True)
class Request:
    """What a job is submitted with."""

    comment: str
    """What Slurm shows of it: rule and wildcards."""
    resources: Mapping[str, Any]
    threads: int = 1

    def options(self) -> tuple[str, ...]:
        """The options of sbatch."""
        found = {flag: self.resources.get(name) for name, flag in FLAGS.items()}
        if gpus := self.resources.get("gpu"):
            model = self.resources.get("gpu_model")
            found["--gpus"] = f"{model}:{gpus}" if model else gpus
        extra = shlex.split(self.resources.get("slurm_extra") or "")
        given = [f"{flag}={value}" for flag, value in found.items() if value is not None]
        return (*given, "--ntasks=1", f"--cpus-per-task={self.threads}", *extra)


def comment(rule: str, wildcards: Iterable[str]) -> str:
    """What Slurm shows of a job."""
    values = "_".join(wildcards).replace("/", "_")
    return f"rule_{rule}_wildcards_{values}" if values else f"rule_{rule}"


def objections(
    requests: Iterable[Request], status_command: str | None, init_seconds: int, folder: Path
) -> Iterator[str]:
    """Why these jobs should not be submitted as they are, each with its remedy.

    Args:
        requests: The jobs.
        status_command: The setting `slurm-status-command`.
        init_seconds: The setting `slurm-init-seconds-before-status-checks`.
        folder: Where the jobs will work.
    """
    requests = list(requests)
    if missing := [command for command in COMMANDS if shutil.which(command) is None]:
        yield f"not in PATH: {', '.join(missing)}; load your site's Slurm module, or ask where they are"
        return
    yield from _unknown_states(status_command, init_seconds)
    accounts = sorted({str(r.resources["slurm_account"]) for r in requests if r.resources.get("slurm_account")})
    yield from _unknown_accounts(accounts)
    alike: dict[tuple[str, ...], list[str]] = {}
    for request in requests:
        alike.setdefault(request.options(), []).append(request.comment)
    for options, comments in alike.items():
        tried = _run("sbatch", "--test-only", *options, "--wrap=true")
        if tried.returncode:
            more = f" and {len(comments) - 1} more" if len(comments) > 1 else ""
            yield f"{comments[0]}{more}: {tried.stderr.strip()}\n  asked for: {' '.join(options)}"
    yield from _at_work({request.comment for request in requests}, folder)


def asks_squeue(status_command: str | None, init_seconds: int) -> bool:
    """Whether the executor learns from squeue what became of jobs; else it asks sacct, whatever the setting is."""
    return status_command == "squeue" and _memory_of_squeue() >= 3 * init_seconds


def _memory_of_squeue() -> int:
    """For how long squeue knows of a job that has ended, seconds."""
    return int(configuration()["MinJobAge"].split()[0])


def _unknown_states(status_command: str | None, init_seconds: int) -> Iterator[str]:
    """Settings with which the executor would never learn that a job has ended."""
    if configuration()["AccountingStorageType"].endswith("/none") and not asks_squeue(status_command, init_seconds):
        yield f"there is no accounting, so that sacct knows of no job's end. {_for_squeue()}"


def _for_squeue() -> str:
    """How to have squeue asked."""
    age = _memory_of_squeue()
    return (
        f"In {PROFILE} set slurm-status-command: squeue; as squeue forgets a job {age} s after its end (MinJobAge), "
        f"also slurm-init-seconds-before-status-checks: {age // 3} or less"
    )


def _unknown_accounts(accounts: Iterable[str]) -> Iterator[str]:
    """Accounts that the executor would refuse: it would do so where nobody hears it."""
    for account in accounts:
        known = accounts_of_user()
        if account.lower() not in known:
            there = f"yours are {', '.join(known)}" if known else "there is no accounting, so leave it out"
            yield f"slurm_account: {account} is not an account of yours; {there} ({PROFILE})"


def _at_work(comments: set[str], folder: Path) -> Iterator[str]:
    """Jobs of an earlier run whose driver was killed: they would draw the same shards."""
    rows = _run("squeue", "--me", "--noheader", "--format=%i|%k|%Z").stdout.splitlines()
    jobs = [row.split("|") for row in rows]
    ours = [job for job, comment, place in jobs if comment in comments and place == str(folder)]
    if ours:
        yield (
            "jobs of an earlier run are still at work on what is to be done, or wait to be: let them end, or end them, "
            f"then start again (their journals keep what was sampled):\n  scancel {' '.join(ours)}"
        )


def cancel(run: str, *options: str) -> None:
    """Cancel the jobs of a run that was interrupted; where Slurm does not answer, say how to.

    The executor does so itself, except for jobs whose states it is asking for at that moment: it has put them aside.

    Args:
        run: The run's id, which the executor gives its jobs as their name.
        options: Further ones of scancel.
    """
    command = ("scancel", f"--user={getpass.getuser()}", f"--name={run}", *options)
    try:
        said = _run(*command)
        failed = said.stderr.strip() if said.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        failed = str(error)
    if failed:
        print(f"WARNING jobs may still run ({failed}); this ends them:\n  {' '.join(command)}", file=sys.stderr)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def configuration() -> dict[str, str]:
    """The cluster's configuration, as `scontrol show config` has it."""
    shown = _run("scontrol", "show", "config")
    if shown.returncode:
        raise RuntimeError(f"Slurm does not answer: {shown.stderr.strip()}")
    return dict(re.findall(r"^(\w+)\s*= (.*?)\s*$", shown.stdout, flags=re.M))


def accounts_of_user() -> list[str]:
    """The user's accounts; empty where there is no accounting."""
    listed = _run("sacctmgr", "-n", "-P", "list", "associations", f"user={getpass.getuser()}", "format=account")
    return sorted({line.lower() for line in listed.stdout.split()})


@dataclass(frozen=True)
class Partition:
    """A partition, or the part of it whose nodes are alike."""

    name: str
    default: bool
    minutes: int | None
    """Longest run; None without limit."""
    nodes: int
    cpus: int
    memory_mb: int
    gpus: str
    """`gpu:h100:4`, or empty."""


def partitions() -> list[Partition]:
    """All partitions that the user can see."""
    rows = _run("sinfo", "--noheader", "--format=%P|%l|%D|%c|%m|%G").stdout.splitlines()
    found = []
    for row in rows:
        name, limit, nodes, cpus, memory, gres = row.split("|")
        gpus = ",".join(re.findall(r"gpu[\w:.]*", gres))
        found.append(
            Partition(
                name=name.rstrip("*"),
                default=name.endswith("*"),
                minutes=_minutes(limit),
                nodes=int(nodes),
                cpus=int(cpus.rstrip("+")),
                memory_mb=int(memory.rstrip("+")),
                gpus=gpus,
            )
        )
    return found


def _minutes(limit: str) -> int | None:
    """Minutes of a limit like `1-12:00:00`, `30:00` or `infinite`."""
    if not limit[0].isdigit():
        return None
    days, _, clock = limit.rpartition("-")
    hours, minutes, _ = (["0", "0", *clock.split(":")])[-3:]
    return int(days or 0) * 1440 + int(hours) * 60 + int(minutes)


def file_system(folder: Path) -> str:
    """Type of the file system that holds a folder, from the kernel's list of mounts."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    points = {Path(point.replace("\\040", " ")): kind for _, point, kind, *_ in mounts}
    return next(points[place] for place in (folder, *folder.parents) if place in points)


def profile_requests(profile: Mapping[str, Any]) -> list[Request]:
    """A small job on CPUs and one on a GPU, with what the profile says."""
    by_rule = profile.get("set-resources") or {}
    everywhere = profile.get("default-resources") or {}
    gres = next((entry.partition("=")[2] for entry in profile.get("config", []) if entry.startswith("gres=")), None)
    gpu = {"gres": f"{gres}:1"} if gres else {"gpu": 1}
    return [
        Request("a CPU job", {**everywhere, **(by_rule.get("verify") or {}), "mem_mb": 1000, "runtime": 10}),
        Request("a GPU job", {**everywhere, **(by_rule.get("sample") or {}), "mem_mb": 1000, "runtime": 10, **gpu}),
    ]


def warnings(profile: Mapping[str, Any], there: list[Partition], folders: Iterable[Path]) -> Iterator[str]:
    """What is likely to go wrong with this profile on this cluster.

    Args:
        profile: The profile.
        there: The partitions.
        folders: What every node must see.
    """
    init_seconds = profile.get("slurm-init-seconds-before-status-checks", 40)
    if not any(partition.gpus for partition in there):
        yield "no partition with GPUs is visible: sampling and scoring jobs would wait for ever, or be refused"
    yield from objections(profile_requests(profile), profile.get("slurm-status-command"), init_seconds, Path.cwd())
    if not asks_squeue(profile.get("slurm-status-command"), init_seconds):
        yield f"the executor asks sacct, and never learns from it that a job was cancelled. {_for_squeue()}"
    most = profile.get("resources") or {}
    limits = [partition.minutes for partition in there if partition.minutes]
    if limits and most.get("runtime", sys.maxsize) > max(limits):
        yield (
            f"no partition runs a job longer than {max(limits)} minutes, and Slurm may let one that asks for more "
            f"wait for ever: set runtime under resources in {PROFILE} to the limit of yours"
        )
    if len(set(_run("sinfo", "--noheader", "--Node", "--format=%N").stdout.split())) > 1:
        for folder in folders:
            if not (kind := file_system(folder)).startswith(tuple(SHARED)):
                yield f"{folder} is on {kind}, which looks like a disk of this machine alone; all nodes must see it"
    waiting = _run("squeue", "--me", "--noheader", "--states=PENDING", "--format=%i|%r|%k").stdout.splitlines()
    for job, reason, comment in (row.split("|") for row in waiting):
        if not reason.startswith(PASSING):
            yield f"job {job} ({comment}) waits because of {reason}, which may never pass; scancel {job} ends it"


def report(profile: Mapping[str, Any]) -> int:
    """Print what there is and what is wrong; returns how many warnings there are."""
    if missing := [command for command in COMMANDS if shutil.which(command) is None]:
        print(f"WARNING not in PATH: {', '.join(missing)}; load your site's Slurm module, or ask where they are")
        return 1
    config, there = configuration(), partitions()
    print(f"cluster {config['ClusterName']}, Slurm {config['SLURM_VERSION']}, {config['AccountingStorageType']}")
    print(f"\nTo fill in at the top of {PROFILE}:")
    print(f"  slurm_account    {' or '.join(accounts_of_user()) or 'nothing: there is no accounting'}")
    for partition in there:
        limit = f"at most {partition.minutes} minutes" if partition.minutes else "no limit of time"
        print(
            f"  slurm_partition  {partition.name}{' (the default)' * partition.default}: {limit}, nodes: "
            f"{partition.nodes} of {partition.cpus} CPUs, {partition.memory_mb} MB, {partition.gpus or 'no GPU'}"
        )
    models = sorted({part.split(":")[1] for p in there for part in p.gpus.split(",") if part.count(":") > 1})
    print(f"  gpu_model        {' or '.join(models) or 'nothing: GPUs have no types'}")
    folders = [Path.cwd(), Path.home()]
    print("\nSeen from here: " + ", ".join(f"{folder} on {file_system(folder)}" for folder in folders))
    found = list(warnings(profile, there, folders))
    for warning in found:
        print(f"\nWARNING {warning}")
    if not found:
        print("\nA CPU job and a GPU job would be accepted. The first run:")
        print("  snakemake --profile slurm --configfile studies/smoke.yaml")
    return len(found)


if __name__ == "__main__":
    try:
        sys.exit(bool(report(yaml.safe_load(Path(PROFILE).read_text()))))
    except RuntimeError as error:
        sys.exit(f"WARNING {error}")
