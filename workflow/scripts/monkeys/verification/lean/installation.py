"""A Lean that was prepared once: where it is, what it is, and how its REPL is started."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from monkeys.verification.verifier import Lean

_SYSTEM = ("/bin", "/usr/bin", "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache")
_ENVIRONMENT = ("LEAN_PATH", "LEAN_SYSROOT", "LD_LIBRARY_PATH", "PATH")
"""What the REPL needs of the environment that Lake gives; nothing else of ours is passed on."""


class LeanError(RuntimeError):
    """Lean is not there, or does not work as it must."""


@dataclass(frozen=True)
class Installation:
    """A Lake project, a REPL and what Lake says about them."""

    repl: Path
    environment: dict[str, str]
    readable: tuple[str, ...]
    toolchain: str
    mathlib: str | None
    """Mathlib's revision."""
    bubblewrap: bool

    def command(self, memory_mb: int, information: int | None = None) -> list[str]:
        """How a REPL is started, with an address space of so many MiB.

        Args:
            memory_mb: RLIMIT_AS.
            information: A file descriptor to which bubblewrap writes the REPL's process id.
        """
        limited = ["/bin/sh", "-c", 'ulimit -c 0 && ulimit -v "$0" && exec "$@"', str(memory_mb << 10)]
        wrapped = _bubblewrap(self.readable, ["--info-fd", str(information)]) if self.bubblewrap else []
        return [*limited, *wrapped, str(self.repl)]


def find(lean: Lean, allow_unsandboxed: bool) -> Installation:
    """The installation that the settings name.

    Raises:
        LeanError: it is not there or another one, or proofs cannot be isolated and must be; the message says which.
    """
    project, repl = places(lean)
    toolchain = _read(project / "lean-toolchain").strip()
    if lean.toolchain not in (None, toolchain):
        raise LeanError(
            f"verification.lean.toolchain is {lean.toolchain}, but {project} has {toolchain}: name the one meant, or "
            "prepare the other as docs/lean.md says"
        )
    environment = _lake_environment(project)
    theirs = [str(project), str(repl), environment["LEAN_SYSROOT"], *environment["LEAN_PATH"].split(":")]
    readable = tuple(dict.fromkeys([*_SYSTEM, *theirs]))
    bubblewrap = _works(readable)
    if not bubblewrap and not allow_unsandboxed:
        raise LeanError(
            "proofs can run code in Lean, and bubblewrap (bwrap) does not work on this machine: install it where user "
            "namespaces are allowed, or accept the risk with verification.allow_unsandboxed: true"
        )
    return Installation(repl, environment, readable, toolchain, _mathlib(project), bubblewrap)


def places(lean: Lean) -> tuple[Path, Path]:
    """Where the project and the REPL are.

    Raises:
        LeanError: one of them is not there.
    """
    return (
        _there(lean.project, "project", "a folder with a Lake project that has Mathlib", Path.is_dir),
        _there(lean.repl, "repl", "the executable of leanprover-community/repl", lambda path: os.access(path, os.X_OK)),
    )


def _there(path: str | None, key: str, what: str, test: Callable[[Path], bool]) -> Path:
    if path is None or not test(Path(path)):
        said = "is not set" if path is None else f"is {path}, where that is not"
        raise LeanError(f"verification.lean.{key} {said}: it must be {what}, prepared once as docs/lean.md says")
    return Path(path).resolve()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise LeanError(f"{path} cannot be read ({error}): prepare the Lake project as docs/lean.md says") from None


def _lake_environment(project: Path) -> dict[str, str]:
    """The variables that Lake sets for programs of a project."""
    try:
        said = subprocess.run(["lake", "env", "printenv"], cwd=project, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LeanError(f"`lake env` cannot be run ({error}): put the folder of elan or Lean in PATH") from None
    variables = dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)
    if said.returncode or not {"LEAN_PATH", "LEAN_SYSROOT"} <= variables.keys():
        raise LeanError(f"`lake env printenv` in {project} did not say where Lean is; it said: {said.stderr.strip()}")
    # real and absolute, so that they are the same in a sandbox
    folders = [os.path.realpath(project / path) for path in variables["LEAN_PATH"].split(":") if path]
    variables |= {"LEAN_PATH": ":".join(folders), "LEAN_SYSROOT": os.path.realpath(variables["LEAN_SYSROOT"])}
    return {name: variables[name] for name in _ENVIRONMENT if name in variables} | {"HOME": "/tmp"}


def _mathlib(project: Path) -> str | None:
    manifest = project / "lake-manifest.json"
    packages = json.loads(_read(manifest)).get("packages", []) if manifest.exists() else []
    return next((package.get("rev") for package in packages if package.get("name") == "mathlib"), None)


def _bubblewrap(readable: tuple[str, ...], more: list[str]) -> list[str]:
    """Read-only files, no network, processes of its own; the REPL is the first of them, so that its id is known."""
    wrap = ["bwrap", "--unshare-user", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--unshare-pid"]
    wrap += ["--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    wrap += ["--die-with-parent", "--as-pid-1", "--chdir", "/", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]
    for path in readable:
        wrap += ["--ro-bind-try", path, path]
    return [*wrap, "--remount-ro", "/", *more, "--"]


def _works(readable: tuple[str, ...]) -> bool:
    if shutil.which("bwrap") is None:
        return False
    return subprocess.run([*_bubblewrap(readable, []), "/bin/sh", "-c", ":"], timeout=60).returncode == 0
