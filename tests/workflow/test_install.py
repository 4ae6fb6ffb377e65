"""`make` installs the locked packages: all or nothing, once, and again when needed.

The real installer, pip and uv run in a separate folder, with a lock of small packages and without network.
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
    """Write a wheel from a mapping of paths to contents."""
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o100755 << 16  # executable
            archive.writestr(entry, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


def small_wheel(folder, name, version):
    """A package with one module, which says its version, and one command."""
    files = {
        f"{name}.py": f"def main():\n    print({version!r})\n",
        f"{name}-{version}.dist-info/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    wheel(folder, name, version, files)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder of wheels for pip, with the uv that is installed here."""
    folder = tmp_path_factory.mktemp("packages")
    code = {str(file): file.read_binary() for file in UV.files if file.parts[0] == "uv" and file.suffix == ".py"}
    program = {f"uv-{UV.version}.data/scripts/uv": shutil.which("uv", path=Path(sys.executable).parent)}
    wheel(folder, "uv", UV.version, {**code, **{path: Path(file).read_bytes() for path, file in program.items()}})
    for name, version in (("torch", "2.0+cpu"), ("tiny", "1.0"), ("tiny", "2.0")):
        small_wheel(folder, name, version)
    return folder


class Project:
    """A folder with the installer and its own lock."""

    def __init__(self, root, folder, packages, python=sys.executable):
        self.folder = folder
        self.command = [python, "envs/install.py"]
        (folder / "envs").mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "envs/install.py", folder / "envs")
        self.lock(tiny="1.0")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "SSL_"))}
        self.environment = {
            **inherited,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(packages),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": str(folder / "cache"),
        }

    def lock(self, **packages):
        pins = {"torch": "2.0+cpu", "uv": UV.version, **packages}
        (self.folder / "envs/requirements.lock").write_text("".join(f"{n}=={v}\n" for n, v in pins.items()))

    def install(self, *arguments, patch="", **environment):
        """Run the installer, after executing `patch` in its interpreter if given."""
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

    def expect_success(self, *arguments):
        result = self.install(*arguments)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def expect_failure(self, **how):
        """Run the installer, which must fail; return its output."""
        result = self.install(**how)
        assert result.returncode == 1 and not self.ready.exists()
        return result.stdout

    @property
    def ready(self):
        return self.folder / ".venv/.ready"

    def tiny(self):
        """Output of the small package's command."""
        return subprocess.run([self.folder / ".venv/bin/tiny"], capture_output=True, text=True, check=True).stdout

    def interrupt(self, once, everything):
        """Kill an installation once a file exists: only the installer, or everything that it started."""
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
    """An environment whose installation was killed twice before it could finish."""
    project = Project(root, tmp_path_factory.mktemp("project"), packages)
    project.early = [
        project.interrupt(".venv/bin/python", everything=False),
        project.interrupt(".venv/bin/uv", everything=True),
    ]
    project.output = project.expect_success()
    return project


def test_an_interrupted_installation_is_completed_by_the_next_one(project):
    assert project.early == [False, False]
    assert ".venv was not finished" in project.output
    assert project.ready.exists() and project.tiny() == "1.0\n"


def test_each_step_prints_one_line_and_details_are_in_the_log(project):
    for step in (f"uv=={UV.version}", "torch==2.0+cpu", "3 packages"):
        (line,) = (line for line in project.output.splitlines() if line.strip().startswith(step))
        assert line.endswith(" s")
    # processes of the killed installations may still be running, and are waited for
    lines = [line for line in project.output.strip().splitlines() if "waiting for it to finish" not in line]
    assert len(lines) == 6
    assert "+ tiny==1.0" in (project.folder / ".venv/install.log").read_text()


def test_bytecode_is_compiled_during_installation(project):
    (compiled,) = project.folder.glob(".venv/lib/*/site-packages/__pycache__")
    assert {file.name.split(".")[0] for file in compiled.glob("*.pyc")} >= {"tiny", "torch"}


def identity(file):
    """Changes when a file is written or replaced, but not when it is read."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns


def test_a_finished_environment_is_left_alone_even_if_the_python_in_path_is_too_old(project):
    before = identity(project.ready)
    assert project.expect_success() == ""
    assert project.expect_success("--named") == ""
    old = project.install(patch="sys.version_info = (3, 6, 8)")
    assert (old.returncode, old.stdout) == (0, "")
    assert identity(project.ready) == before


def test_a_changed_lock_updates_the_environment_and_keeps_added_files(project):
    added = next(project.folder.glob(".venv/lib/*/site-packages")) / "added.py"
    added.touch()
    project.lock(tiny="2.0")
    assert ".venv is of another lock" in project.expect_success()
    assert project.tiny() == "2.0\n" and added.exists()


def test_a_moved_folder_gets_a_new_environment_with_its_own_python(project, tmp_path):
    project.folder = project.folder.rename(tmp_path / "moved")
    assert ".venv was moved" in project.expect_success()
    assert project.tiny() == "2.0\n"
    assert str(project.folder) in (project.folder / ".venv/bin/tiny").read_text()


def test_torch_comes_from_pytorchs_index_and_the_installation_fails_without_it(project, tmp_path):
    project.lock(torch="9.0+cpu", tiny="1.0")
    output = project.expect_failure(PIP_NO_INDEX="0", PIP_INDEX_URL=tmp_path.as_uri(), UV_OFFLINE="1")
    assert "torch==9.0+cpu from PyTorch's index" in output and "packages  " not in output
    assert "https://download.pytorch.org/whl/cpu has it, or they are unreachable" in output
    assert "no version of torch==9.0+cpu" in output


@pytest.fixture
def fresh(root, packages, tmp_path):
    """A project without an environment."""
    return Project(root, tmp_path, packages)


def pretend_installed(project, **changes):
    """Make the project look as if its environment were finished."""
    (project.folder / ".venv/bin").mkdir(parents=True)
    (project.folder / ".venv/bin/python").symlink_to(sys.executable)
    content = b"".join((project.folder / "envs" / name).read_bytes() for name in ("requirements.lock", "install.py"))
    record = {
        "place": os.path.realpath(project.folder / ".venv"),
        "python": os.path.realpath(sys.executable),
        "lock": hashlib.sha256(content).hexdigest(),
    }
    project.ready.write_text(json.dumps(record | changes))


def test_another_python_needs_a_new_environment_if_named_or_if_the_old_one_is_gone(fresh):
    other = "sys._base_executable = '/another/python3'; sys.version_info = (3, 10, 0)"
    pretend_installed(fresh)
    assert fresh.install(patch=other).stdout == ""
    named = fresh.install("--named", patch=other)
    assert named.returncode == 1 and "Python >= 3.11 is needed" in named.stdout
    gone = "/no/longer/python3"
    (fresh.folder / ".venv/bin/python").unlink()
    (fresh.folder / ".venv/bin/python").symlink_to(gone)
    fresh.ready.write_text(fresh.ready.read_text().replace(os.path.realpath(sys.executable), gone))
    assert "Python >= 3.11 is needed" in fresh.install(patch=other).stdout


def test_a_too_old_python_is_an_error_that_says_so(fresh):
    output = fresh.expect_failure(patch="sys.version_info = (3, 9, 2); sys.version = '3.9.2 (main)'")
    assert "Python >= 3.11 is needed" in output and "3.9.2" in output and "make PYTHON=" in output
    ast.parse((fresh.folder / "envs/install.py").read_text(), feature_version=(3, 6))


def test_a_python_without_venv_is_an_error_that_says_what_to_install(fresh):
    output = fresh.expect_failure(patch="sys.modules['ensurepip'] = None")
    assert "lacks the standard module ensurepip" in output and "apt-get install python3-venv" in output


FULL = "import shutil; shutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**12, 10**12 - {free}, {free})"


def test_a_full_disk_is_an_error_that_says_how_much_space_is_needed(fresh):
    output = fresh.expect_failure(patch=FULL.format(free=10**9))
    assert f"The disk of {fresh.folder} has 1.0 GB free, but the installation needs 3.5 GB" in output


def test_cached_downloads_reduce_the_space_needed(fresh):
    (fresh.folder / "cache").mkdir()
    with open(fresh.folder / "cache/archive", "wb") as archive:
        archive.truncate(2 * 10**9)  # a sparse file
    output = fresh.expect_failure(patch=FULL.format(free=10**9))
    assert "the installation needs 1.5 GB" in output


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="no second disk")
def test_a_cache_on_another_disk_needs_its_own_space(fresh):
    output = fresh.expect_failure(patch=FULL.format(free=3.2 * 10**9), UV_CACHE_DIR="/dev/shm/uv")
    assert f"The disk of {fresh.folder} has 3.2 GB free, but the installation needs 3.5 GB" in output
    full = FULL.replace("lambda path:", "lambda path: _usage(path) if path != '/dev/shm' else")
    output = fresh.expect_failure(
        patch=f"import shutil; _usage = shutil.disk_usage; {full.format(free=10**9)}", UV_CACHE_DIR="/dev/shm/uv"
    )
    assert "The disk of /dev/shm has 1.0 GB free, but the installation needs 3.0 GB" in output


def test_a_missing_uv_is_an_error_that_shows_the_reason(fresh, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    output = fresh.expect_failure(PIP_FIND_LINKS=str(empty))
    assert f"No matching distribution found for uv=={UV.version}" in output
    assert "pip uses the package index shown by `pip config list`" in output


def test_a_linked_environment_is_replaced_and_its_target_left_alone(fresh, tmp_path_factory):
    theirs = tmp_path_factory.mktemp("theirs")
    (theirs / "precious").touch()
    (fresh.folder / ".venv").symlink_to(theirs)
    fresh.expect_failure(patch=FULL.format(free=0))
    assert not (fresh.folder / ".venv").exists() and (theirs / "precious").exists()


def test_uv_uses_pips_index_settings(fresh):
    """uv's own settings take precedence."""
    patch = (
        "found = runpy.run_path('envs/install.py')['uv_settings_from_pip']([sys.executable, '-m', 'pip'])\n"
        "print(found)\nsys.exit(1)"
    )
    config = fresh.folder / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://user:pass@example.org/simple\nextra-index-url =\n    https://a.example\n"
        "    https://b.example\ncert = /ca.pem\ntimeout = 7.5\nfind-links = /ignored\n"
        "[install]\ntrusted-host = a.example\n"
    )
    where = {"PIP_CONFIG_FILE": str(config), "PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "/one /two"}
    options, settings = ast.literal_eval(fresh.expect_failure(patch=patch, **where, UV_INSECURE_HOST="mine.example"))
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
