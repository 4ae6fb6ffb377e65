"""Install the locked environment into .venv unless it is ready; `make` calls this before anything that needs it.

pip installs uv, and uv installs the rest. Downloads stay in uv's cache, so an interrupted installation simply starts
over. If the user's Python is too old, this script must still run far enough to say so: hence it needs only Python 3.6
and its standard library.
"""

import ast
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "envs" / "requirements.lock"
VENV = ROOT / ".venv"
READY = VENV / ".ready"
LOG = VENV / "install.log"

OLDEST = (3, 11)
GB = 10**9
VENV_BYTES, CACHE_BYTES = 3.5 * GB, 3 * GB
"""Disk space for the environment and for uv's cache. On one disk they share everything except bytecode."""

PYTORCH = "https://download.pytorch.org/whl/cpu"
PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
"""Python that .venv is created with; when running in a .venv, the one it was created with."""


class InstallError(Exception):
    """Reason why the environment cannot be installed, and the remedy."""


def main(named):
    """Install the environment unless it is ready; `named`: the user named the Python, instead of that in PATH."""
    if why_not_ready(named) is None:
        return
    with only_installation():
        reason = why_not_ready(named)
        if reason is not None:
            began = time.monotonic()
            install(reason)
            print(f"The environment is ready after {time.monotonic() - began:.0f} s.\n", flush=True)


def why_not_ready(named):
    """Reason why .venv is not ready; None if it is complete and belongs to this folder, Python and lock."""
    try:
        made = json.loads(READY.read_text())
    except (OSError, ValueError):
        return "was not finished" if os.path.lexists(str(VENV)) else "is missing"
    if made["place"] != os.path.realpath(str(VENV)):
        return "was moved"
    python = (VENV / "bin" / "python").resolve()
    if made["python"] != str(python) or not python.exists() or (named and str(python) != PYTHON):
        return "is of another Python"
    return None if made["lock"] == digest() else "is of another lock"


def digest():
    """Digest of the lock and of this script."""
    return hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()


@contextlib.contextmanager
def only_installation():
    """Lock out other installations in this folder. Children hold the lock too: they may outlive a killed installer."""
    with open(str(LOCK), "r+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another installation is running in this folder; waiting for it to finish.", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        os.set_inheritable(handle.fileno(), True)
        yield


def install(reason):
    """Create the environment; if only its lock differs, update it."""
    check_python()
    if reason == "is of another lock":
        print(f"{VENV.name} {reason}; bringing it up to date", end="")
        READY.unlink()
    else:
        print(f"{VENV.name} {reason}; installing the environment, about {VENV_BYTES / GB:.1f} GB", end="")
        remove()
    print(f" (details in {LOG.relative_to(ROOT)})", flush=True)
    if not VENV.exists():
        check_disks()
        VENV.mkdir()
        step(f"Python {sys.version.split()[0]}", [PYTHON, "-m", "venv", str(VENV)])
    packages = LOCK.read_text().splitlines()
    uv, torch = (next(line for line in packages if line.startswith(name + "==")) for name in ("uv", "torch"))
    pip = [str(VENV / "bin" / "python"), "-m", "pip"]
    step(uv, pip + ["install", "--quiet", "--no-deps", uv], "pip uses the package index shown by `pip config list`.")
    options, settings = uv_settings_from_pip(pip)
    install_torch(torch, options, settings)
    command = uv_install("--requirements", str(LOCK)) + options
    step(f"{len(packages)} packages", command, "Downloads are kept.", settings)
    finish()


def finish():
    """Mark the environment as ready: the very last step, written atomically."""
    place, python = (os.path.realpath(str(path)) for path in (VENV, VENV / "bin" / "python"))
    draft = READY.with_name(".ready.draft")
    draft.write_text(json.dumps({"place": place, "python": python, "lock": digest()}))
    os.replace(str(draft), str(READY))


def install_torch(torch, options, settings):
    """Install torch from the configured index if it has the CPU build, else from PyTorch's index of CPU builds."""
    command = uv_install(torch) + options
    if options or run(command + ["--dry-run"], settings):
        step(torch, command, environment=settings)
        return
    without_index = {name: value for name, value in settings.items() if not re.match(r"UV_.*INDEX(_URL)?$", name)}
    remedy = f"Neither the configured package index nor {PYTORCH} has it, or they are unreachable."
    step(f"{torch} from PyTorch's index", command, remedy, dict(without_index, UV_DEFAULT_INDEX=PYTORCH))


def uv_install(*arguments):
    """Command that installs packages with bytecode, but without dependencies: the lock is complete."""
    uv, python = (str(VENV / "bin" / name) for name in ("uv", "python"))
    return [uv, "pip", "install", "--python", python, "--no-progress", "--no-deps", "--compile-bytecode", *arguments]


def uv_settings_from_pip(pip):
    """Options and environment with which uv uses pip's configuration; uv's own environment variables win."""
    listing = subprocess.check_output(pip + ["config", "list"], env=os.environ, universal_newlines=True)
    found = dict(re.findall(r"^(.+?)=(['\"].*)$", listing, re.MULTILINE))

    def setting(*names):
        keys = [section + name for section in (":env:.", "install.", "global.") for name in names]
        return " ".join(next((ast.literal_eval(found[key]) for key in keys if key in found), "").split())

    translated = {
        "UV_DEFAULT_INDEX": setting("index-url"),
        "UV_INDEX": setting("extra-index-url"),
        "UV_INDEX_STRATEGY": "unsafe-best-match",  # like pip: all indexes have the same priority
        "UV_FIND_LINKS": setting("find-links").replace(" ", ","),
        "UV_INSECURE_HOST": setting("trusted-host"),
        "UV_HTTP_TIMEOUT": setting("timeout", "default-timeout").partition(".")[0],
        "UV_COMPILE_BYTECODE_TIMEOUT": "0",  # no timeout, since a busy machine may be slow
        "SSL_CERT_FILE": setting("cert"),
        "SSL_CLIENT_CERT": setting("client-cert"),
        "ALL_PROXY": setting("proxy"),
    }
    settings = dict({name: value for name, value in translated.items() if value}, **os.environ)
    return ["--no-index"] if setting("no-index").lower() in ("1", "true", "yes", "on") else [], settings


def step(title, command, remedy="", environment=None):
    """Run one step of the installation, and print its title and how long it took."""
    print(f"  {title:<40}", end="", flush=True)
    began = time.monotonic()
    if not run(command, environment):
        print("failed", flush=True)
        tail = "".join(LOG.read_text(errors="replace").splitlines(True)[-15:])
        raise InstallError(f"{tail}\n{title} could not be installed. {remedy} Run `make` to try again.")
    print(f"{time.monotonic() - began:5.0f} s", flush=True)


def run(command, environment=None):
    """Whether a command succeeds; its output is appended to the log."""
    with open(str(LOG), "a") as log:
        print("$", *command, file=log, flush=True)
        streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        return subprocess.call(command, cwd=str(ROOT), env=environment, close_fds=False, **streams) == 0


def check_python():
    """Check that Python is recent enough and complete."""
    if sys.version_info < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise InstallError(
            f"Python >= {oldest} is needed, but {sys.executable} is {sys.version.split()[0]}. "
            "Choose another with make PYTHON=..."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        raise InstallError(
            f"{PYTHON} lacks the standard module {error.name}, which virtual environments need. "
            "On Debian and Ubuntu: apt-get install python3-venv. Or choose another Python with make PYTHON=..."
        ) from None


def check_disks():
    """Check that there is disk space for the environment and for uv's cache."""
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    cache = Path(os.environ.get("UV_CACHE_DIR", caches + "/uv")).expanduser().absolute()
    disks = {}
    for folder, wanted in ((ROOT, VENV_BYTES), (cache, CACHE_BYTES)):
        while not folder.exists():
            folder = folder.parent
        disks.setdefault(folder.stat().st_dev, (folder, wanted))
    for disk, (folder, wanted) in disks.items():
        free = shutil.disk_usage(str(folder)).free
        if free < wanted and cache.exists() and cache.stat().st_dev == disk:
            wanted -= min(CACHE_BYTES, sum(path.lstat().st_size for path in cache.rglob("*")))
        if free < wanted:
            raise InstallError(
                f"The disk of {folder} has {free / GB:.1f} GB free, but the installation needs {wanted / GB:.1f} GB. "
                "Free some space, or move downloads to another disk with UV_CACHE_DIR."
            )


def remove():
    """Remove the environment, its ready marker first; if it is a symbolic link, only the link."""
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        if READY.exists():
            READY.unlink()
        shutil.rmtree(str(VENV))


if __name__ == "__main__":
    try:
        main(named="--named" in sys.argv)
    except InstallError as error:
        sys.exit(f"\n{error}\n")
    except OSError as error:
        sys.exit(f"\nThe environment could not be installed: {error}\n")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Run `make` to continue.\n")
