"""Shared by all tests: required programs, grouping of tests in processes, and paths of the project and its data."""

import itertools
import os
import shutil
import stat
import sys
from collections import Counter
from pathlib import Path

import hypothesis
import pytest
import yaml
from checkout import MINI, Checkout

hypothesis.settings.register_profile("unhurried", deadline=None)  # tests must not fail on a busy machine
hypothesis.settings.load_profile("unhurried")

ROOT = Path(__file__).parents[1]

PACKAGES = {
    "chromium": ("chromium",),
    "chromium-driver": ("chromedriver",),
    "bubblewrap": ("bwrap",),
    "slurm-wlm": ("slurmctld", "slurmd"),
    "munge": ("munged",),
    "slurmdbd": ("slurmdbd",),
    "mariadb-server": ("mariadbd",),
}
"""Debian packages that some tests need (marker `needs`), each with the programs that show it is installed."""

MISSING = "not installed: "
"""Prefix of the reason for skipping a test on this machine."""


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="leave out tests marked as slow")
    parser.addoption(
        "--nothing-skipped", action="store_true", help="fail if this machine lacks packages that some tests need"
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(package, …): Debian packages without which the test is skipped")
    config.addinivalue_line("markers", "slow: takes seconds; left out by --quick")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups, and after the folders' own hooks
def pytest_collection_modifyitems(config, items):
    """Group tests that share a process under pytest-xdist, and put first those that others wait for.

    Tests that share a fixture of their file form a group, and come first in their folder because they take long. All
    tests of the finished small study wait until one process has run it, so one of them comes first, while the other
    processes are busy with unit tests.
    """
    if config.option.quick:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("slow")])
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
    for item in items:
        fixtures = itertools.chain(*item._fixtureinfo.name2fixturedefs.values())
        if any(fixture.scope == "module" for fixture in fixtures) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    folders = ["cluster", "faults", "unit", "workflow"]
    items.sort(key=lambda item: (folders.index(item.path.parent.name), not item.get_closest_marker("xdist_group")))
    first = next((item for item in items if "finished_study" in item.fixturenames), None)
    if first is not None and config.getoption("dist", "no") != "no":
        items.remove(first)
        items.insert(0, first)


def pytest_runtest_setup(item):
    needed = [package for marker in item.iter_markers("needs") for package in marker.args]
    if missing := [package for package in needed if not installed(package)]:
        pytest.skip(MISSING + " ".join(missing))


def installed(package):
    path = f"{os.environ['PATH']}:/usr/sbin"
    return all(shutil.which(program, path=path) for program in PACKAGES[package])


def skipped_by_package(terminalreporter):
    """Number of skipped tests for each package that this machine lacks."""
    reasons = [report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])]
    lacking = [reason.removeprefix(MISSING).split() for reason in reasons if reason.startswith(MISSING)]
    return Counter(package for packages in lacking for package in packages)


def pytest_terminal_summary(terminalreporter):
    if missing := skipped_by_package(terminalreporter):
        terminalreporter.section("not run on this machine")
        for package, count in missing.items():
            terminalreporter.line(f"{count:4} tests need {package}")
        terminalreporter.line(f"To run them: sudo apt-get install {' '.join(missing)}")


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.option.nothing_skipped and reporter and skipped_by_package(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def root() -> Path:
    """Root folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    """A folder shared by all processes of this test run."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture
def checkout(root, tmp_path):
    """A fresh copy of the project with the small study, before any run."""
    checkout = Checkout.of(root, tmp_path / "checkout")
    (checkout.folder / "mini.yaml").write_text(yaml.safe_dump(MINI, sort_keys=False))
    return checkout


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Published data that is too large or not ours to ship; tests that need it are skipped without it."""
    folder = Path(os.environ.get("SHARED_DATA", ROOT / "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no published data at {folder} (set SHARED_DATA)")
    return folder


@pytest.fixture
def lean_stand_in(tmp_path, monkeypatch):
    """Config of a Lean project with a scripted REPL and a `lake` that prints Python's paths."""
    project, programs = tmp_path / "project", tmp_path / "programs"
    project.mkdir()
    programs.mkdir()
    (project / "lean-toolchain").write_text("leanprover/lean4:v4.28.0\n")
    (project / "lake-manifest.json").write_text('{"packages": [{"name": "mathlib", "rev": "8f9d9cf"}]}')
    parts = ROOT / "tests/lean"
    shutil.copy(parts / "lean_messages.json", project)
    repl, lake = project / "repl", programs / "lake"
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    repl.write_text(f"#!{python} -I\n{(parts / 'scripted_repl.py').read_text()}")
    lake_output = f"LEAN_PATH=./lib\nLEAN_SYSROOT={sys.base_prefix}\nPATH={os.environ['PATH']}\nSECRET=s\n"
    lake.write_text(f"#!/bin/sh\nprintf '{lake_output}'\n")
    for program in (repl, lake):
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return {"project": str(project), "repl": str(repl)}
