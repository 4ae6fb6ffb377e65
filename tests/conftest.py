"""What all tests share: where the project and the optional published data are."""

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Published data that is too large or not ours to ship; tests that want it are skipped in a clone without it."""
    folder = Path(os.environ.get("SHARED_DATA", ROOT / "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no published data at {folder} (set SHARED_DATA)")
    return folder


@pytest.fixture
def lean_stand_in(tmp_path, monkeypatch):
    """A project whose Lake says where Python is, and whose REPL is the scripted one; the config that names both."""
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
    said = f"LEAN_PATH=./lib\nLEAN_SYSROOT={sys.base_prefix}\nPATH={os.environ['PATH']}\nSECRET=s\n"
    lake.write_text(f"#!/bin/sh\nprintf '{said}'\n")
    for program in (repl, lake):
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return {"project": str(project), "repl": str(repl)}
