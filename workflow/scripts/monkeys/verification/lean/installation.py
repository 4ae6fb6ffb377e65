"""Locate a prepared Lean installation and build the command that starts its REPL."""

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
"""Variables of Lake's environment that the REPL gets; no others are passed on."""


class LeanError(RuntimeError):
    """Lean is missing or does not work as required."""


@dataclass(frozen=True)
class Installation:
    """A Lake project, its REPL, and their versions."""

    repl: Path
    environment: dict[str, str]
    readable: tuple[str, ...]
    toolchain: str
    mathlib: str | None
    """Mathlib's revision."""
    bubblewrap: bool

    def command(self, memory_mb: int, information: int | None = None) -> list[str]:
        """Command that starts a REPL.

        Args:
            memory_mb: Address space limit, MiB.
            information: File descriptor to which bubblewrap writes the REPL's process id.
        """
        limited = ["/bin/sh", "-c", 'ulimit -c 0 && ulimit -v "$0" && exec "$@"', str(memory_mb << 10)]
        wrapped = _bubblewrap(self.readable, ["--info-fd", str(information)]) if self.bubblewrap else []
        return [*limited, *wrapped, str(self.repl)]


def find(lean: Lean, allow_unsandboxed: bool) -> Installation:
    """The installation that the settings name.

    Raises:
        LeanError: it is missing, its toolchain differs, or proofs must be isolated and cannot be.
    """
    project, repl = locate(lean)
    toolchain = _read(project / "lean-toolchain").strip()
    if lean.toolchain not in (None, toolchain):
        raise LeanError(
            f"verification.lean.toolchain is {lean.toolchain}, but {project} has {toolchain}: correct the setting, or "
            "prepare a project with that toolchain as described in docs/lean.md"
        )
    environment = _lake_environment(project)
    paths = [str(project), str(repl), environment["LEAN_SYSROOT"], *environment["LEAN_PATH"].split(":")]
    readable = tuple(dict.fromkeys([*_SYSTEM, *paths]))
    bubblewrap = _works(readable)
    if not bubblewrap and not allow_unsandboxed:
        raise LeanError(
            "proofs can run code in Lean, and bubblewrap (bwrap) does not work on this machine: install it and allow "
            "user namespaces, or accept the risk with verification.allow_unsandboxed: true"
        )
    return Installation(repl, environment, readable, toolchain, _mathlib(project), bubblewrap)


def locate(lean: Lean) -> tuple[Path, Path]:
    """Paths of the project and the REPL.

    Raises:
        LeanError: one of them is missing.
    """
    return (
        _existing_path(lean.project, "project", "a folder with a Lake project that has Mathlib", Path.is_dir),
        _existing_path(
            lean.repl, "repl", "the executable of leanprover-community/repl", lambda path: os.access(path, os.X_OK)
        ),
    )


def _existing_path(path: str | None, key: str, requirement: str, is_valid: Callable[[Path], bool]) -> Path:
    if path is None or not is_valid(Path(path)):
        problem = "is not set" if path is None else f"is {path}"
        raise LeanError(f"verification.lean.{key} {problem}: it must be {requirement}; docs/lean.md explains the setup")
    return Path(path).resolve()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise LeanError(
            f"{path} cannot be read ({error}): prepare the Lake project as described in docs/lean.md"
        ) from None


def _lake_environment(project: Path) -> dict[str, str]:
    """Variables that Lake sets for programs of a project."""
    try:
        result = subprocess.run(["lake", "env", "printenv"], cwd=project, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LeanError(f"`lake env` cannot be run ({error}): add the folder of elan or Lean to PATH") from None
    variables = dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)
    if result.returncode or not {"LEAN_PATH", "LEAN_SYSROOT"} <= variables.keys():
        raise LeanError(
            f"`lake env printenv` in {project} did not print LEAN_PATH and LEAN_SYSROOT: {result.stderr.strip()}"
        )
    # absolute and without links, so that they are valid inside the sandbox
    folders = [os.path.realpath(project / path) for path in variables["LEAN_PATH"].split(":") if path]
    variables |= {"LEAN_PATH": ":".join(folders), "LEAN_SYSROOT": os.path.realpath(variables["LEAN_SYSROOT"])}
    return {name: variables[name] for name in _ENVIRONMENT if name in variables} | {"HOME": "/tmp"}


def _mathlib(project: Path) -> str | None:
    manifest = project / "lake-manifest.json"
    packages = json.loads(_read(manifest)).get("packages", []) if manifest.exists() else []
    return next((package.get("rev") for package in packages if package.get("name") == "mathlib"), None)


def _bubblewrap(readable: tuple[str, ...], options: list[str]) -> list[str]:
    """Bwrap command: read-only files, no network, own PID namespace with the REPL as PID 1, so that its id is known."""
    wrap = ["bwrap", "--unshare-user", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--unshare-pid"]
    wrap += ["--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    wrap += ["--die-with-parent", "--as-pid-1", "--chdir", "/", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]
    for path in readable:
        wrap += ["--ro-bind-try", path, path]
    return [*wrap, "--remount-ro", "/", *options, "--"]


def _works(readable: tuple[str, ...]) -> bool:
    if shutil.which("bwrap") is None:
        return False
    return subprocess.run([*_bubblewrap(readable, []), "/bin/sh", "-c", ":"], timeout=60).returncode == 0
