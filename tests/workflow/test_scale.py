"""What every start of Snakemake loads, in every job of a cluster too; benchmarks/dag.py measures how long it takes."""

import json
import subprocess
import sys

HEAVY = {"datasets", "huggingface_hub", "lm_eval", "matplotlib", "scipy", "sympy", "torch", "transformers", "vllm"}

WATCHED = """
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


def watched(folder, *arguments):
    """The packages that a dry run imports, and its connections to anywhere."""
    command = [sys.executable, "-c", WATCHED, "--dry-run", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    seen = json.loads(result.stdout.splitlines()[-1])
    return {module.partition(".")[0] for module in seen["modules"]}, seen["connections"]


def test_planning_the_papers_study_imports_no_heavy_package_and_asks_no_network(root, tmp_path):
    (tmp_path / "Snakefile").write_text("rule nothing:\n    shell: 'true'\n")
    bare, _ = watched(tmp_path)
    ours, connections = watched(tmp_path, "--snakefile", f"{root}/Snakefile", "--configfile", f"{root}/config.yaml")
    assert {"monkeys", "jsonschema"} <= ours
    assert not ours & HEAVY
    assert not (ours - bare) & {"numpy", "pandas"}  # Snakemake itself imports one or the other
    assert connections == []
