"""A study of proofs, from published samples to a tally, with a scripted REPL instead of Lean."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from monkeys.storage import read_provenance, read_rows


@pytest.fixture
def proofs(checkout, lean_stand_in):
    """Samples of a recorded statement: a correct proof, a `sorry`, an empty one, and one that crashes the REPL."""
    recorded = json.loads((Path(__file__).parents[1] / "lean/lean_messages.json").read_text())
    case = next(case for case in recorded["cases"] if case["name"] == "right_term")
    (checkout.folder / "statements").mkdir()
    row = {"id": "right_term", "statement": case["statement"]}
    (checkout.folder / "statements/test.jsonl").write_text(json.dumps(row) + "\n")
    texts = [f"{case['proof']}\n)\n```", "  sorry\n)", "  -- thinking\n)", "  fault_die\n)"]
    records = [{"samples": texts, "is_corrects": [False] * 4, "theorem_name": "right_term"}]
    task = {
        "dataset": "statements",
        "columns": {"id": "id", "reference": "statement"},
        "prompt": "{{ statement }}\nby (\n",
        "verifier": "lean",
        "samples": 4,
        "shard_size": 4,
        "limits": {"cpu_seconds": 5, "memory_mb": 4096},
    }
    published = {**checkout.publish("PROOFS", records), "subsets": {"proofs": "PROOFS"}, "verify": True}
    study = {
        "study": "proofs",
        "verification": {"allow_unsandboxed": True, "lean": lean_stand_in},
        "tasks": {"proofs": task},
        "models": {"people": {"published": published, "tasks": ["proofs"]}},
    }
    (checkout.folder / "mini.yaml").write_text(yaml.safe_dump(study))
    return checkout


def test_proofs_are_judged_and_one_that_crashes_lean_twice_is_a_runtime_error(proofs):
    proofs.snakemake("tallies")
    (path,) = proofs.results("verdicts/proofs/people/*")
    assert [row["outcome"] for row in read_rows(path)] == ["correct", "wrong", "no_answer", "runtime_error"]
    provenance = read_provenance(path)
    assert provenance["guarantees"]["toolchain"] == "leanprover/lean4:v4.28.0"
    assert provenance["guarantees"]["axioms"] == ["Classical.choice", "Quot.sound", "propext"]
    assert provenance["judged_again"] == 1
    (tally,) = pd.read_parquet(proofs.folder / "results/tallies/proofs/people.parquet").to_dict("records")
    assert (tally["samples"], tally["correct"], tally["verifier_error"]) == (4, 1, 0)


def test_a_changed_header_triggers_verification_but_a_moved_project_does_not(proofs, tmp_path):
    proofs.snakemake("tallies")
    lean = proofs.study()["verification"]["lean"]
    (tmp_path / "project").rename(tmp_path / "moved")
    moved = {key: path.replace("/project", "/moved") for key, path in lean.items()}
    assert proofs.plan(verification__lean=moved)["verify"] == 0
    assert proofs.plan(verification__lean={**moved, "header": "import Mathlib"})["verify"] == 1
