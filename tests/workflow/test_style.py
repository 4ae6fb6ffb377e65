import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = {
    "snakemake lint": ["snakemake", "--lint"],
    "snakefmt": ["snakefmt", "--check", "Snakefile", "workflow/rules"],
    "ruff check": ["ruff", "check", "workflow/scripts", "tests", "benchmarks"],
    "ruff format": ["ruff", "format", "--check", "workflow/scripts", "tests", "benchmarks"],
    "mypy": ["mypy"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_lint_and_format_are_clean(root, check):
    program, *arguments = CHECKS[check]
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
