"""Preflight: report, before submitting, jobs that Slurm would reject or leave pending.

`make slurm-check` runs this module: it lists the cluster's accounts and partitions and checks slurm/profile.yaml
against them. It needs Slurm's commands but no study.
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
"""Commands that the executor calls. If one is missing, it may wait forever for an answer."""

FLAGS = {
    "slurm_account": "--account",
    "slurm_partition": "--partition",
    "qos": "--qos",
    "constraint": "--constraint",
    "mem_mb": "--mem",
    "runtime": "--time",
    "gres": "--gres",
}
"""Option of sbatch for each of Snakemake's resources."""

SHARED_FILE_SYSTEMS = (
    *("nfs", "lustre", "gpfs", "beegfs", "ceph", "weka", "panfs", "afs", "pvfs", "orangefs", "gluster", "cifs", "smb"),
    *("fuse", "9p", "virtiofs"),
)
"""Prefixes of file system types that several nodes can share."""

TRANSIENT_REASONS = ("None", "Resources", "Priority", "Dependency", "BeginTime", "Reservation", "JobHeldUser", "Prolog")
"""Prefixes of pending reasons that resolve on their own or were set by the user; others may last forever."""


@dataclass(frozen=True)
class Request:
    """Resources and comment with which a job is submitted."""

    comment: str
    """Rule and wildcards, as Slurm shows them."""
    resources: Mapping[str, Any]
    threads: int = 1

    def options(self) -> tuple[str, ...]:
        """Its options of sbatch."""
        found = {flag: self.resources.get(name) for name, flag in FLAGS.items()}
        if gpus := self.resources.get("gpu"):
            model = self.resources.get("gpu_model")
            found["--gpus"] = f"{model}:{gpus}" if model else gpus
        extra = shlex.split(self.resources.get("slurm_extra") or "")
        given = [f"{flag}={value}" for flag, value in found.items() if value is not None]
        return (*given, "--ntasks=1", f"--cpus-per-task={self.threads}", *extra)


def job_comment(rule: str, wildcards: Iterable[str]) -> str:
    """The comment that the executor gives a job."""
    values = "_".join(wildcards).replace("/", "_")
    return f"rule_{rule}_wildcards_{values}" if values else f"rule_{rule}"


def preflight_errors(
    requests: Iterable[Request], status_command: str | None, init_seconds: int, folder: Path
) -> Iterator[str]:
    """Reasons not to submit these jobs as they are, each with its remedy.

    Args:
        requests: The jobs.
        status_command: The setting `slurm-status-command`.
        init_seconds: The setting `slurm-init-seconds-before-status-checks`.
        folder: The jobs' working directory.
    """
    requests = list(requests)
    if missing := [command for command in COMMANDS if shutil.which(command) is None]:
        yield f"not in PATH: {', '.join(missing)}; load your site's Slurm module, or ask where they are"
        return
    yield from _status_errors(status_command, init_seconds)
    accounts = sorted({str(r.resources["slurm_account"]) for r in requests if r.resources.get("slurm_account")})
    yield from _account_errors(accounts)
    by_options: dict[tuple[str, ...], list[str]] = {}
    for request in requests:
        by_options.setdefault(request.options(), []).append(request.comment)
    for options, comments in by_options.items():
        test = _run("sbatch", "--test-only", *options, "--wrap=true")
        if test.returncode:
            more = f" and {len(comments) - 1} more" if len(comments) > 1 else ""
            yield f"{comments[0]}{more}: {test.stderr.strip()}\n  requested: {' '.join(options)}"
    yield from _running_jobs({request.comment for request in requests}, folder)


def uses_squeue(status_command: str | None, init_seconds: int) -> bool:
    """Whether the executor gets job states from squeue; otherwise it uses sacct, whatever the setting is."""
    return status_command == "squeue" and _min_job_age() >= 3 * init_seconds


def _min_job_age() -> int:
    """Time for which squeue remembers a finished job, s."""
    return int(configuration()["MinJobAge"].split()[0])


def _status_errors(status_command: str | None, init_seconds: int) -> Iterator[str]:
    """Settings with which the executor would never learn that a job has ended."""
    if configuration()["AccountingStorageType"].endswith("/none") and not uses_squeue(status_command, init_seconds):
        yield f"the cluster has no accounting, so sacct cannot report when jobs end. {_squeue_remedy()}"


def _squeue_remedy() -> str:
    """Settings that make the executor use squeue."""
    age = _min_job_age()
    return (
        f"In {PROFILE} set slurm-status-command: squeue; as squeue forgets a job {age} s after its end (MinJobAge), "
        f"also slurm-init-seconds-before-status-checks: {age // 3} or less"
    )


def _account_errors(accounts: Iterable[str]) -> Iterator[str]:
    """Accounts that the executor would refuse without a visible message."""
    for account in accounts:
        known = accounts_of_user()
        if account.lower() not in known:
            remedy = f"yours are {', '.join(known)}" if known else "the cluster has no accounting, so leave it out"
            yield f"slurm_account: {account} is not one of your accounts; {remedy} ({PROFILE})"


def _running_jobs(comments: set[str], folder: Path) -> Iterator[str]:
    """Jobs left by an earlier run whose driver was killed: they would draw the same shards."""
    rows = _run("squeue", "--me", "--noheader", "--format=%i|%k|%Z").stdout.splitlines()
    jobs = [row.split("|") for row in rows]
    ours = [job for job, comment, place in jobs if comment in comments and place == str(folder)]
    if ours:
        yield (
            "jobs of an earlier run for the same files are still running or pending: wait for them or cancel them, "
            f"then start again (their journals keep what was sampled):\n  scancel {' '.join(ours)}"
        )


def cancel(run: str, *options: str) -> None:
    """Cancel the jobs of an interrupted run; if Slurm does not answer, print the command that does it.

    The executor cancels jobs itself, except those whose states it is querying at that moment.

    Args:
        run: The run's id, which the executor uses as the name of its jobs.
        options: Further options of scancel.
    """
    command = ("scancel", f"--user={getpass.getuser()}", f"--name={run}", *options)
    try:
        result = _run(*command)
        failed = result.stderr.strip() if result.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        failed = str(error)
    if failed:
        print(
            f"WARNING jobs may still be running ({failed}); cancel them with:\n  {' '.join(command)}", file=sys.stderr
        )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def configuration() -> dict[str, str]:
    """The cluster's configuration, from `scontrol show config`."""
    shown = _run("scontrol", "show", "config")
    if shown.returncode:
        raise RuntimeError(f"Slurm does not answer: {shown.stderr.strip()}")
    return dict(re.findall(r"^(\w+)\s*= (.*?)\s*$", shown.stdout, flags=re.M))


def accounts_of_user() -> list[str]:
    """The user's accounts; empty without accounting."""
    listed = _run("sacctmgr", "-n", "-P", "list", "associations", f"user={getpass.getuser()}", "format=account")
    return sorted({line.lower() for line in listed.stdout.split()})


@dataclass(frozen=True)
class Partition:
    """A partition, or the part of it with identical nodes."""

    name: str
    default: bool
    minutes: int | None
    """Time limit; None without limit."""
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
    """Minutes in a time limit like `1-12:00:00`, `30:00` or `infinite`."""
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
    """A small CPU job and a small GPU job with the profile's resources."""
    by_rule = profile.get("set-resources") or {}
    everywhere = profile.get("default-resources") or {}
    gres = next((entry.partition("=")[2] for entry in profile.get("config", []) if entry.startswith("gres=")), None)
    gpu = {"gres": f"{gres}:1"} if gres else {"gpu": 1}
    return [
        Request("a CPU job", {**everywhere, **(by_rule.get("verify") or {}), "mem_mb": 1000, "runtime": 10}),
        Request("a GPU job", {**everywhere, **(by_rule.get("sample") or {}), "mem_mb": 1000, "runtime": 10, **gpu}),
    ]


def profile_warnings(profile: Mapping[str, Any], available: list[Partition], folders: Iterable[Path]) -> Iterator[str]:
    """Likely problems with this profile on this cluster.

    Args:
        profile: The profile.
        available: The cluster's partitions.
        folders: Folders that every node must see.
    """
    init_seconds = profile.get("slurm-init-seconds-before-status-checks", 40)
    if not any(partition.gpus for partition in available):
        yield "no partition with GPUs is visible: sampling and scoring jobs would wait forever or be rejected"
    yield from preflight_errors(
        profile_requests(profile), profile.get("slurm-status-command"), init_seconds, Path.cwd()
    )
    if not uses_squeue(profile.get("slurm-status-command"), init_seconds):
        yield f"the executor uses sacct, which never tells it that a job was cancelled. {_squeue_remedy()}"
    largest = profile.get("resources") or {}
    limits = [partition.minutes for partition in available if partition.minutes]
    if limits and largest.get("runtime", sys.maxsize) > max(limits):
        yield (
            f"no partition allows more than {max(limits)} minutes, and Slurm may leave a longer job pending forever: "
            f"set runtime under resources in {PROFILE} to the limit of your partition"
        )
    if len(set(_run("sinfo", "--noheader", "--Node", "--format=%N").stdout.split())) > 1:
        for folder in folders:
            if not (kind := file_system(folder)).startswith(tuple(SHARED_FILE_SYSTEMS)):
                yield f"{folder} is on {kind}, which looks like a local disk; all nodes must see the folder"
    pending = _run("squeue", "--me", "--noheader", "--states=PENDING", "--format=%i|%r|%k").stdout.splitlines()
    for job, reason, comment in (row.split("|") for row in pending):
        if not reason.startswith(TRANSIENT_REASONS):
            yield f"job {job} ({comment}) is pending because of {reason}, perhaps forever; to cancel it: scancel {job}"


def report(profile: Mapping[str, Any]) -> int:
    """Print what the cluster offers and warnings on the profile; returns the number of warnings."""
    if missing := [command for command in COMMANDS if shutil.which(command) is None]:
        print(f"WARNING not in PATH: {', '.join(missing)}; load your site's Slurm module, or ask where they are")
        return 1
    config, available = configuration(), partitions()
    print(f"cluster {config['ClusterName']}, Slurm {config['SLURM_VERSION']}, {config['AccountingStorageType']}")
    print(f"\nTo fill in at the top of {PROFILE}:")
    print(f"  slurm_account    {' or '.join(accounts_of_user()) or 'nothing: the cluster has no accounting'}")
    for partition in available:
        limit = f"at most {partition.minutes} minutes" if partition.minutes else "no time limit"
        print(
            f"  slurm_partition  {partition.name}{' (the default)' * partition.default}: {limit}, nodes: "
            f"{partition.nodes} of {partition.cpus} CPUs, {partition.memory_mb} MB, {partition.gpus or 'no GPU'}"
        )
    models = sorted({part.split(":")[1] for p in available for part in p.gpus.split(",") if part.count(":") > 1})
    print(f"  gpu_model        {' or '.join(models) or 'nothing: GPUs have no types'}")
    folders = [Path.cwd(), Path.home()]
    print("\nSeen from here: " + ", ".join(f"{folder} on {file_system(folder)}" for folder in folders))
    found = list(profile_warnings(profile, available, folders))
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
