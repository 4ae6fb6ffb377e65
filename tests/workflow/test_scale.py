"""Imports at every start of Snakemake, including cluster jobs; benchmarks/dag.py measures their duration."""

import json
import subprocess
import sys

HEAVY = {"datasets", "huggingface_hub", "lm_eval", "matplotlib", "scipy", "sympy", "torch", "transformers", "vllm"}

OBSERVED_SNAKEMAKE = """
import json, sys

connections = []
sys.addaudithook(
    lambda event, args: connections.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None
)
from snakemake.cli import main

try:
    main(sys.argv[1:])
finally:
    print("\\n" + json.dumps({"connections": connections, "modules": sorted(sys.modules)}))
"""


def observe(folder, *arguments):
    """Packages imported and network connections opened by a dry run."""
    command = [sys.executable, "-c", OBSERVED_SNAKEMAKE, "--dry-run", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    seen = json.loads(result.stdout.splitlines()[-1])
    return {module.partition(".")[0] for module in seen["modules"]}, seen["connections"]


def test_planning_the_papers_study_imports_no_heavy_package_and_uses_no_network(root, tmp_path):
    (tmp_path / "Snakefile").write_text("rule nothing:\n    shell: 'true'\n")
    bare, _ = observe(tmp_path)
    imported, connections = observe(tmp_path, "--snakefile", f"{root}/Snakefile", "--configfile", f"{root}/config.yaml")
    assert {"monkeys", "jsonschema"} <= imported
    assert not imported & HEAVY
    assert not (imported - bare) & {"numpy", "pandas"}  # Snakemake itself imports one or the other
    assert connections == []
