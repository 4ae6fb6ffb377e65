"""A study of published data: samples with their verdicts, the same samples verified again, and outcomes."""

import json

import pandas as pd
import pytest
import yaml
from checkout import MINI, Checkout


def write_study(checkout):
    """Twelve published samples of every demo problem: a third correct, of which one is published as wrong."""
    rows = [
        json.loads(line) for line in (checkout.folder / "resources/demo/arithmetic/test.jsonl").read_text().splitlines()
    ]
    records = []
    for row in rows[:10]:
        answer = row["answer"].split("#### ")[1]
        texts = [f"so\n#### {answer if number % 3 == 0 else 'nine'}" for number in range(12)]
        records.append(
            {
                "question": row["question"],
                "prompt": "…",
                "samples": texts,
                "is_corrects": [number in (0, 3, 6) for number in range(12)],
                "gt_answer": row["answer"],
                "orig_dset_split": "test",
                "orig_dset_idx": row["id"],
            }
        )
    attempts = pd.DataFrame([(p, a, int(a <= p)) for p in range(5) for a in range(8)], columns=["p", "attempt", "c"])
    attempts.to_csv(checkout.folder / "attempts.csv", index=False)
    subsets = {"arithmetic": "ARITHMETIC_A", "imported": "ARITHMETIC_A"}
    published = {**checkout.publish("ARITHMETIC_A", records), "subsets": subsets}
    columns = {"problem_id": "p", "correct": "c"}
    config = {
        "study": "published",
        "tasks": {
            "arithmetic": {**MINI["tasks"]["arithmetic"], "problems": "all", "samples": 12, "shard_size": 6},
            "imported": {"samples": 8, "shard_size": 4},
            "proofs": {},
        },
        "models": {
            "again": {"published": {**published, "verify": True}, "tasks": ["arithmetic"]},
            "as-published": {"published": published, "tasks": ["imported"]},
            "counted": {"outcomes": {"proofs": {"file": "attempts.csv", "columns": columns}}, "tasks": ["proofs"]},
        },
    }
    (checkout.folder / "mini.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture
def study(checkout):
    """The study before any run."""
    write_study(checkout)
    return checkout


@pytest.fixture(scope="module")
def complete(root, tmp_path_factory):
    """The study after a complete run."""
    checkout = Checkout.of(root, tmp_path_factory.mktemp("published") / "checkout")
    write_study(checkout)
    checkout.output = checkout.snakemake()
    return checkout


@pytest.fixture
def published(complete, tmp_path):
    """A copy of the complete study that a test may change."""
    return complete.copy(tmp_path / "checkout")


def correct(study, pair):
    return pd.read_parquet(study.folder / f"results/tallies/{pair}.parquet")["correct"].tolist()


def test_published_samples_and_outcomes_become_tallies_tables_and_figures(complete):
    study = complete
    assert correct(study, "imported/as-published") == [3] * 10  # of the first 8 samples, as published
    assert correct(study, "arithmetic/again") == [4] * 10  # of all 12 samples, by our verifier
    assert correct(study, "proofs/counted") == [1, 2, 3, 4, 5]
    (agreement,) = pd.read_csv(study.folder / "results/tables/verdict_agreement.csv").to_dict("records")
    assert agreement.pop("examples").endswith("is correct for gsm8k alone")
    assert agreement == {
        "task": "arithmetic",
        "model": "again",
        "first": "gsm8k",
        "second": "published",
        "samples": 120,
        "both_correct": 30,
        "first_only": 10,
        "second_only": 0,
        "neither": 80,
        "agreement": pytest.approx(110 / 120),
    }
    assert "WARNING arithmetic again: our verdicts agree with the published ones on 91.7%" in study.output
    for figure in ("coverage", "power_law", "solve_rates", "selection"):
        assert (study.folder / f"results/figures/{figure}.png").stat().st_size > 1000
    assert not study.results("problems/imported*")  # unneeded problems are not loaded
    assert study.plan() == {}


def test_more_published_samples_import_only_the_new_shards(published):
    study = published
    jobs = study.plan(tasks__imported__samples=12)
    assert jobs["import_samples"] == 1
    assert jobs["import_samples task=imported, model=as-published, shard=2"] == 1
    study.change(tasks__imported__samples=16)
    output = study.snakemake(succeeds=False)
    assert "has 12 published samples, the study asks for 16 or more; lower tasks.imported.samples" in output


def test_switching_verification_on_or_off_reimports_nothing(published):
    study = published
    as_published = {**study.study()["models"]["again"]["published"], "verify": False}
    jobs = study.plan("tallies", models__again__published=as_published)
    assert not jobs["import_samples"] and not jobs["verify"]
    assert jobs["tally"] == 1


def test_a_study_of_outcomes_alone_needs_neither_datasets_nor_samples(study):
    config = study.study()
    study.change(tasks={"proofs": {}}, models={"counted": config["models"]["counted"]})
    assert {name for name in study.plan() if " " not in name} == {
        "import_tally",
        "curves",
        "table",
        "figure",
        "explorer",
        "overview",
    }
