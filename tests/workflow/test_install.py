"""`make` installs what is locked: all of it or nothing, once, and anew where it has to.

The real installer, pip and uv work in a folder of their own, on a lock of small packages and without a network.
"""

import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

UV = distribution("uv")


def wheel(folder, name, version, files, tag="py3-none-any"):
    """A package as indexes have it; files are given by their paths in it, with their contents."""
    about = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o100755 << 16  # a file that may be run
            archive.writestr(entry, content)
        archive.writestr(f"{about}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"]))


def small(folder, name, version):
    """A package with one module, which says its version, and one command."""
    files = {
        f"{name}.py": f"def main():\n    print({version!r})\n",
        f"{name}-{version}.dist-info/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    wheel(folder, name, version, files)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Where pip is told to look; uv is the one that is installed here."""
    folder = tmp_path_factory.mktemp("packages")
    code = {str(file): file.read_binary() for file in UV.files if file.parts[0] == "uv" and file.suffix == ".py"}
    program = {f"uv-{UV.version}.data/scripts/uv": shutil.which("uv", path=Path(sys.executable).parent)}
    wheel(folder, "uv", UV.version, {**code, **{path: Path(file).read_bytes() for path, file in program.items()}})
    for name, version in (("torch", "2.0+cpu"), ("tiny", "1.0"), ("tiny", "2.0")):
        small(folder, name, version)
    return folder


class Project:
    """A folder with the installer and a lock of its own."""

    def __init__(self, root, folder, packages, python=sys.executable):
        self.folder = folder
        self.command = [python, "envs/install.py"]
        (folder / "envs").mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "envs/install.py", folder / "envs")
        self.lock(tiny="1.0")
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "SSL_"))}
        self.environment = {
            **ours,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(packages),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": str(folder / "cache"),
        }

    def lock(self, **packages):
        pins = {"torch": "2.0+cpu", "uv": UV.version, **packages}
        (self.folder / "envs/requirements.lock").write_text("".join(f"{n}=={v}\n" for n, v in pins.items()))

    def install(self, *arguments, patch="", **environment):
        """Run the installer, where a patch is given on an interpreter that was changed by it before."""
        patched = f"import runpy, sys\n{patch}\nrunpy.run_path('envs/install.py', run_name='__main__')"
        command = [self.command[0], "-c", patched, *arguments] if patch else [*self.command, *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def installed(self, *arguments):
        result = self.install(*arguments)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def refused(self, **how):
        """What the installer says when it does not install."""
        result = self.install(**how)
        assert result.returncode == 1 and not self.ready.exists()
        return result.stdout

    @property
    def ready(self):
        return self.folder / ".venv/.ready"

    def tiny(self):
        """What the small package's command says."""
        return subprocess.run([self.folder / ".venv/bin/tiny"], capture_output=True, text=True, check=True).stdout

    def interrupt(self, once, everything):
        """Kill an installation as soon as something exists: the installer alone, or everything that it started."""
        process = subprocess.Popen(
            self.command, cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, start_new_session=True
        )
        while not (self.folder / once).exists():
            assert process.poll() is None
            time.sleep(0.01)
        (os.killpg if everything else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        return self.ready.exists()


@pytest.fixture(scope="module")
def project(root, packages, tmp_path_factory):
    """An environment whose installation was killed twice before it was left alone."""
    project = Project(root, tmp_path_factory.mktemp("project"), packages)
    project.early = [
        project.interrupt(".venv/bin/python", everything=False),
        project.interrupt(".venv/bin/uv", everything=True),
    ]
    project.said = project.installed()
    return project


def test_an_interrupted_installation_counts_as_none_and_the_next_one_makes_it_whole(project):
    assert project.early == [False, False]
    assert ".venv was not finished" in project.said
    assert project.ready.exists() and project.tiny() == "1.0\n"


def test_each_step_has_one_line_and_the_rest_is_in_the_log(project):
    for step in (f"uv=={UV.version}", "torch==2.0+cpu", "3 packages"):
        (line,) = (line for line in project.said.splitlines() if line.strip().startswith(step))
        assert line.endswith(" s")
    # what the killed ones had started may still be at work, and is waited for
    lines = [line for line in project.said.strip().splitlines() if "waiting for it to finish" not in line]
    assert len(lines) == 6
    assert "+ tiny==1.0" in (project.folder / ".venv/install.log").read_text()


def test_the_bytecode_is_there_before_anybody_imports_anything(project):
    (compiled,) = project.folder.glob(".venv/lib/*/site-packages/__pycache__")
    assert {file.name.split(".")[0] for file in compiled.glob("*.pyc")} >= {"tiny", "torch"}


def identity(file):
    """Changes when a file is written or replaced, not when it is read."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns


def test_what_is_ready_is_left_alone_even_where_the_python_in_path_is_too_old(project):
    before = identity(project.ready)
    assert project.installed() == ""
    assert project.installed("--named") == ""
    old = project.install(patch="sys.version_info = (3, 6, 8)")
    assert (old.returncode, old.stdout) == (0, "")
    assert identity(project.ready) == before


def test_another_lock_brings_the_environment_up_to_date_and_keeps_what_was_added(project):
    added = next(project.folder.glob(".venv/lib/*/site-packages")) / "added.py"
    added.touch()
    project.lock(tiny="2.0")
    assert ".venv is of another lock" in project.installed()
    assert project.tiny() == "2.0\n" and added.exists()


def test_a_folder_that_was_moved_gets_an_environment_anew_whose_commands_start_its_own_python(project, tmp_path):
    project.folder = project.folder.rename(tmp_path / "moved")
    assert ".venv was moved" in project.installed()
    assert project.tiny() == "2.0\n"
    assert str(project.folder) in (project.folder / ".venv/bin/tiny").read_text()


def test_torch_is_looked_for_on_pytorchs_own_index_and_nothing_is_ready_without_it(project, tmp_path):
    project.lock(torch="9.0+cpu", tiny="1.0")
    said = project.refused(PIP_NO_INDEX="0", PIP_INDEX_URL=tmp_path.as_uri(), UV_OFFLINE="1")
    assert "torch==9.0+cpu from PyTorch's index" in said and "packages  " not in said
    assert "https://download.pytorch.org/whl/cpu has it, or they are unreachable" in said
    assert "no version of torch==9.0+cpu" in said


@pytest.fixture
def bare(root, packages, tmp_path):
    """A folder in which nothing was installed."""
    return Project(root, tmp_path, packages)


def made(project, **changes):
    """Have it look as if an environment were ready there."""
    (project.folder / ".venv/bin").mkdir(parents=True)
    (project.folder / ".venv/bin/python").symlink_to(sys.executable)
    content = b"".join((project.folder / "envs" / name).read_bytes() for name in ("requirements.lock", "install.py"))
    record = {
        "place": os.path.realpath(project.folder / ".venv"),
        "python": os.path.realpath(sys.executable),
        "lock": hashlib.sha256(content).hexdigest(),
    }
    project.ready.write_text(json.dumps(record | changes))


def test_another_python_wants_another_environment_if_it_was_named_or_the_old_one_is_gone(bare):
    other = "sys._base_executable = '/another/python3'; sys.version_info = (3, 10, 0)"
    made(bare)
    assert bare.install(patch=other).stdout == ""
    named = bare.install("--named", patch=other)
    assert named.returncode == 1 and "Python >= 3.11 is needed" in named.stdout
    gone = "/no/longer/python3"
    (bare.folder / ".venv/bin/python").unlink()
    (bare.folder / ".venv/bin/python").symlink_to(gone)
    bare.ready.write_text(bare.ready.read_text().replace(os.path.realpath(sys.executable), gone))
    assert "Python >= 3.11 is needed" in bare.install(patch=other).stdout


def test_a_python_that_is_too_old_says_so(bare):
    said = bare.refused(patch="sys.version_info = (3, 9, 2); sys.version = '3.9.2 (main)'")
    assert "Python >= 3.11 is needed" in said and "3.9.2" in said and "make PYTHON=" in said
    ast.parse((bare.folder / "envs/install.py").read_text(), feature_version=(3, 6))


def test_a_python_without_venv_says_what_to_install(bare):
    said = bare.refused(patch="sys.modules['ensurepip'] = None")
    assert "lacks the standard module ensurepip" in said and "apt-get install python3-venv" in said


FULL = "import shutil; shutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**12, 10**12 - {free}, {free})"


def test_a_disk_that_is_too_small_says_how_much_is_wanted(bare):
    said = bare.refused(patch=FULL.format(free=10**9))
    assert f"The disk of {bare.folder} has 1.0 GB free, but the installation needs 3.5 GB" in said


def test_what_was_downloaded_already_wants_no_room(bare):
    (bare.folder / "cache").mkdir()
    with open(bare.folder / "cache/archive", "wb") as archive:
        archive.truncate(2 * 10**9)  # a file with a hole
    said = bare.refused(patch=FULL.format(free=10**9))
    assert "the installation needs 1.5 GB" in said


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="no second disk")
def test_a_cache_on_another_disk_wants_room_of_its_own(bare):
    said = bare.refused(patch=FULL.format(free=3.2 * 10**9), UV_CACHE_DIR="/dev/shm/uv")
    assert f"The disk of {bare.folder} has 3.2 GB free, but the installation needs 3.5 GB" in said
    full = FULL.replace("lambda path:", "lambda path: _usage(path) if path != '/dev/shm' else")
    said = bare.refused(
        patch=f"import shutil; _usage = shutil.disk_usage; {full.format(free=10**9)}", UV_CACHE_DIR="/dev/shm/uv"
    )
    assert "The disk of /dev/shm has 1.0 GB free, but the installation needs 3.0 GB" in said


def test_without_uv_nothing_is_installed_and_the_reason_is_shown(bare, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    said = bare.refused(PIP_FIND_LINKS=str(empty))
    assert f"No matching distribution found for uv=={UV.version}" in said
    assert "pip uses the package index shown by `pip config list`" in said


def test_a_link_is_replaced_and_what_it_points_to_is_left_alone(bare, tmp_path_factory):
    theirs = tmp_path_factory.mktemp("theirs")
    (theirs / "precious").touch()
    (bare.folder / ".venv").symlink_to(theirs)
    bare.refused(patch=FULL.format(free=0))
    assert not (bare.folder / ".venv").exists() and (theirs / "precious").exists()


def test_uv_looks_where_pip_is_told_to_look(bare):
    """Its own settings win over those."""
    patch = (
        "found = runpy.run_path('envs/install.py')['uv_settings_from_pip']([sys.executable, '-m', 'pip'])\n"
        "print(found)\nsys.exit(1)"
    )
    config = bare.folder / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://user:pass@example.org/simple\nextra-index-url =\n    https://a.example\n"
        "    https://b.example\ncert = /ca.pem\ntimeout = 7.5\nfind-links = /ignored\n"
        "[install]\ntrusted-host = a.example\n"
    )
    where = {"PIP_CONFIG_FILE": str(config), "PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "/one /two"}
    options, settings = ast.literal_eval(bare.refused(patch=patch, **where, UV_INSECURE_HOST="mine.example"))
    assert options == []
    expected = {
        "UV_DEFAULT_INDEX": "https://user:pass@example.org/simple",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_FIND_LINKS": "/one,/two",
        "UV_HTTP_TIMEOUT": "7",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_INSECURE_HOST": "mine.example",
    }
    assert expected.items() <= settings.items()
