"""Installs the locked environment into .venv, unless it is ready; `make` calls this before anything that needs it.

pip gets uv, and uv gets the rest. What uv has downloaded stays in its cache, so an installation that was interrupted
is simply made anew. The user's Python may be too old, and has to get as far as being told so: hence no syntax and no
module here that Python 3.6 lacks, and nothing beyond its standard library.
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
"""What the environment takes, and uv's cache. On one disk they share all but the bytecode."""

PYTORCH = "https://download.pytorch.org/whl/cpu"
PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
"""What .venv is made with; from within a .venv, what that was made with."""


class Refusal(Exception):
    """Why there will be no environment, and what helps."""


def main(named):
    """Install what is not ready; whether the Python was named by the user, or is just the one in PATH."""
    if why_not_ready(named) is None:
        return
    with only_installation():
        reason = why_not_ready(named)
        if reason is not None:
            began = time.monotonic()
            install(reason)
            print(f"The environment is ready after {time.monotonic() - began:.0f} s.\n", flush=True)


def why_not_ready(named):
    """What .venv lacks; nothing (None) if it is complete and of this place, this Python and this lock."""
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
    """Changes with the lock, and with how it is installed."""
    return hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()


@contextlib.contextmanager
def only_installation():
    """Wait until no other process installs here. Children hold the lock too: they may outlive a killed installer."""
    with open(str(LOCK), "r+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another installation is at work in this folder; waiting for its end.", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        os.set_inheritable(handle.fileno(), True)
        yield


def install(reason):
    """Make the environment; one that only has another lock is brought up to date."""
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
    step(uv, pip + ["install", "--quiet", "--no-deps", uv], "pip looks for it where `pip config list` says.")
    options, settings = as_for_pip(pip)
    install_torch(torch, options, settings)
    command = uv_install("--requirements", str(LOCK)) + options
    step(f"{len(packages)} packages", command, "What was downloaded is kept.", settings)
    finish()


def finish():
    """Say that all is there: the very last thing, all at once."""
    place, python = (os.path.realpath(str(path)) for path in (VENV, VENV / "bin" / "python"))
    draft = READY.with_name(".ready.draft")
    draft.write_text(json.dumps({"place": place, "python": python, "lock": digest()}))
    os.replace(str(draft), str(READY))


def install_torch(torch, options, settings):
    """From where all packages come, if that has the CPU build, else from PyTorch's own index of CPU builds."""
    command = uv_install(torch) + options
    if options or run(command + ["--dry-run"], settings):
        step(torch, command, environment=settings)
        return
    elsewhere = {name: value for name, value in settings.items() if not re.match(r"UV_.*INDEX(_URL)?$", name)}
    remedy = f"Neither the configured package index nor {PYTORCH} has it, or they cannot be reached."
    step(f"{torch} of PyTorch's index", command, remedy, dict(elsewhere, UV_DEFAULT_INDEX=PYTORCH))


def uv_install(*what):
    """The command that installs packages, compiled, and nothing that they require: the lock is complete."""
    uv, python = (str(VENV / "bin" / name) for name in ("uv", "python"))
    return [uv, "pip", "install", "--python", python, "--no-progress", "--no-deps", "--compile-bytecode", *what]


def as_for_pip(pip):
    """Options and environment with which uv finds packages where pip is told to; what is set for uv itself wins."""
    said = subprocess.check_output(pip + ["config", "list"], env=os.environ, universal_newlines=True)
    found = dict(re.findall(r"^(.+?)=(['\"].*)$", said, re.MULTILINE))

    def setting(*names):
        keys = [section + name for section in (":env:.", "install.", "global.") for name in names]
        return " ".join(next((ast.literal_eval(found[key]) for key in keys if key in found), "").split())

    translated = {
        "UV_DEFAULT_INDEX": setting("index-url"),
        "UV_INDEX": setting("extra-index-url"),
        "UV_INDEX_STRATEGY": "unsafe-best-match",  # pip's: all indexes count alike
        "UV_FIND_LINKS": setting("find-links").replace(" ", ","),
        "UV_INSECURE_HOST": setting("trusted-host"),
        "UV_HTTP_TIMEOUT": setting("timeout", "default-timeout").partition(".")[0],
        "UV_COMPILE_BYTECODE_TIMEOUT": "0",  # a busy machine is no failure
        "SSL_CERT_FILE": setting("cert"),
        "SSL_CLIENT_CERT": setting("client-cert"),
        "ALL_PROXY": setting("proxy"),
    }
    settings = dict({name: value for name, value in translated.items() if value}, **os.environ)
    return ["--no-index"] if setting("no-index").lower() in ("1", "true", "yes", "on") else [], settings


def step(what, command, remedy="", environment=None):
    """Run a command of the installation, and say what it is for and how long it took."""
    print(f"  {what:<40}", end="", flush=True)
    began = time.monotonic()
    if not run(command, environment):
        print("failed", flush=True)
        tail = "".join(LOG.read_text(errors="replace").splitlines(True)[-15:])
        raise Refusal(f"{tail}\n{what} could not be installed. {remedy} The next `make` tries again.")
    print(f"{time.monotonic() - began:5.0f} s", flush=True)


def run(command, environment=None):
    """Whether a command succeeds; what it says is in the log."""
    with open(str(LOG), "a") as log:
        print("$", *command, file=log, flush=True)
        streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        return subprocess.call(command, cwd=str(ROOT), env=environment, close_fds=False, **streams) == 0


def check_python():
    """A Python that is new enough, and whole."""
    if sys.version_info < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise Refusal(
            f"Python >= {oldest} is needed, and {sys.executable} is {sys.version.split()[0]}. "
            "Name another with make PYTHON=..."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        raise Refusal(
            f"{PYTHON} lacks its module {error.name}, which makes environments. "
            "On Debian and Ubuntu: apt-get install python3-venv. Or name another Python with make PYTHON=..."
        ) from None


def check_disks():
    """Room for the environment and, where that is on another disk, for uv's cache."""
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
            raise Refusal(
                f"The disk of {folder} has {free / GB:.1f} GB free; the installation wants {wanted / GB:.1f} GB there. "
                "Make room; what is downloaded goes where UV_CACHE_DIR says."
            )


def remove():
    """Remove the environment, what says that it is ready first; of a link, the link alone."""
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        if READY.exists():
            READY.unlink()
        shutil.rmtree(str(VENV))


if __name__ == "__main__":
    try:
        main(named="--named" in sys.argv)
    except Refusal as refusal:
        sys.exit(f"\n{refusal}\n")
    except OSError as error:
        sys.exit(f"\nThe environment could not be installed: {error}\n")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. The next `make` goes on.\n")
