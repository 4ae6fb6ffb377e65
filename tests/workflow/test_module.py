"""Use of this workflow as a module of another one."""

import subprocess
import sys

import pandas as pd
import yaml

SNAKEFILE = """
configfile: "config.yaml"

module monkeys:
    snakefile: "{root}/Snakefile"
    config: config["monkeys"]

use rule * from monkeys as monkeys_*

rule best:
    default_target: True
    input:
        study=rules.monkeys_all.input,
        coverage="results/mine/tables/coverage.csv",
    output:
        "best.txt",
    shell:
        "sort --field-separator=, --key=4 --general-numeric-sort {{input.coverage}} | tail --lines=1 > {{output}}"
"""


def test_another_workflow_can_continue_from_the_tables_of_a_study(root, tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(root=root))
    counts = pd.DataFrame({"problem_id": ["1", "2", "3"], "samples": 10, "correct": [3, 0, 9]})
    counts.to_csv(tmp_path / "counts.csv", index=False)
    model = {"outcomes": {"arithmetic": "counts.csv"}, "tasks": ["arithmetic"]}
    study = {"study": "mine", "results": "results/mine", "tasks": {"arithmetic": {}}, "models": {"small": model}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"monkeys": study}))
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / "best.txt").read_text().startswith("arithmetic,small,10,0.66")
    assert "Study **mine**" in (tmp_path / "results/mine/overview.rst").read_text()
    assert (tmp_path / "results/mine/figures/coverage.pdf").stat().st_size > 1000
