import re
import shlex
import shutil
import subprocess

import pandas as pd
import pytest
import snakemakes

SAMPLED = ("demo", "smoke", "template", "today")
"""Shipped studies whose models are sampled."""


@pytest.mark.parametrize("study", ["config.yaml", *(f"studies/{name}.yaml" for name in SAMPLED)])
def test_every_shipped_study_can_be_planned(checkout, study):
    said = checkout.snakemake("--dry-run", study=study)
    assert "This was a dry-run" in said
    for rule in ("problems", "sample", "verify", "tally", "curves", "table", "figure", "overview"):
        assert f"rule {rule}:" in said


def test_every_command_of_the_readme_for_a_study_can_be_planned_as_it_stands(checkout, root):
    shutil.copy(checkout.folder / "studies/template.yaml", checkout.folder / "my-study.yaml")
    commands = re.findall(
        r"^snakemake (.*my-study\.yaml(?: --.*?)?)(?: +#.*)?$", (root / "README.md").read_text(), re.MULTILINE
    )
    planned = [shlex.split(command) for command in commands if "--report" not in command]
    assert sum(words[-1] != "my-study.yaml" or words[0][0] != "-" for words in planned) >= 6
    for words in planned:
        status, said = snakemakes.run([*words, "--dry-run"], checkout.folder)
        assert status == 0, f"{words}: {said}"


@pytest.mark.slow
def test_the_template_runs_as_it_stands(checkout):
    checkout.snakemake("results/my-study/tables/coverage.csv", study="studies/template.yaml")
    table = pd.read_csv(checkout.folder / "results/my-study/tables/coverage.csv")
    assert table["k"].max() == 64 and set(table["model"]) == {"my-model"}


def test_the_published_study_needs_no_gpu_and_no_problems(checkout):
    said = checkout.snakemake("--dry-run", study="studies/published.yaml")
    assert "rule import_samples:" in said and "rule figure:" in said
    assert not re.search(r"rule (sample|problems|prompts|verify|fetch_model):", said)


def test_the_papers_study_has_its_models_and_tasks_and_gives_a_cluster_some_hundred_jobs(checkout):
    full = checkout.snakemake("--dry-run", study="config.yaml")
    assert len(set(re.findall(r"wildcards: task=(\S+), model=(\S+), shard", full))) == 4 + 4 + 2 * 3 + 2 * 8
    assert 300 < len(re.findall(r"^rule (?:sample|verify|score|selection):", full, flags=re.M)) < 1000


def test_a_bare_snakemake_takes_config_yaml_and_a_named_study_replaces_it(checkout):
    command = checkout.command("--dry-run")
    bare = command[: command.index("--configfile")]
    said = subprocess.run(bare, cwd=checkout.folder, capture_output=True, text=True).stdout
    assert "llama-3-8b-instruct" in said
    assert "llama-3-8b-instruct" not in checkout.snakemake("--dry-run")


def test_later_config_files_and_keys_of_the_command_line_override_earlier_ones(checkout):
    (checkout.folder / "more.yaml").write_text("tasks: {arithmetic: {samples: 64}}\n")
    command = checkout.command("--dry-run")
    command.insert(command.index("--configfile") + 2, "more.yaml")
    command += ["--config", "results=elsewhere"]
    said = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True).stdout
    assert "elsewhere/samples/arithmetic/small/3.parquet" in said
    assert "elsewhere/samples/arithmetic/small/4.parquet" not in said


def test_the_number_of_shards_follows_from_the_config(checkout):
    jobs = checkout.plan()
    assert (jobs["problems"], jobs["sample"], jobs["verify"], jobs["tally"]) == (2, 5, 5, 3)


def test_a_model_may_have_samples_and_shards_of_its_own(checkout):
    jobs = checkout.plan(models__small__samples={"arithmetic": 128}, models__small__shard_size={"arithmetic": 64})
    shards = {job for job in jobs if job.startswith("sample task=arithmetic")}
    assert shards == {
        f"sample task=arithmetic, model={model}, shard={shard}" for model in ("small", "medium") for shard in (0, 1)
    }


def test_targets_stop_where_they_say(checkout):
    stages = ["sample", "verify", "tally", "coverage"]
    for last, target in enumerate(("samples", "verdicts", "tallies")):
        said = checkout.snakemake("--dry-run", target)
        assert [rule for rule in stages if f"rule {rule}:" in said] == stages[: last + 1]


def test_a_mistake_in_the_config_ends_the_run_before_any_job_with_one_clear_message(checkout):
    checkout.change(tasks__arithmetic__samples=33, models__small__tasks=["arithmetics"])
    said = checkout.snakemake(succeeds=False)
    assert "tasks.arithmetic.samples: 33 is not a multiple of the shard size 16" in said
    assert "models.small.tasks: arithmetics is not a task of this study; defined: arithmetic, programs" in said
    assert "Traceback" not in said and "common.smk" not in said and "WorkflowError" not in said
    assert not (checkout.folder / "results").exists()


def test_what_is_doubtful_in_a_config_is_said_once_before_the_plan(checkout):
    study = checkout.folder / "mini.yaml"
    study.write_text(f"study: earlier\n{study.read_text()}")
    said = checkout.snakemake("--dry-run")
    assert said.count("WARNING") == 1
    assert f"WARNING {study}: study is given in line 1 and again in line 2; the first is ignored" in said


def test_a_wrong_file_name_is_not_taken_for_a_model(checkout):
    said = checkout.snakemake("--dry-run", "results/tallies/arithmetic/large.parquet", succeeds=False)
    assert "MissingRuleException" in said


def test_a_sampling_job_asks_for_as_many_gpus_as_its_model_runs_on(checkout):
    checkout.change(models__medium__engine={"tensor_parallel_size": 4})
    said = checkout.snakemake("--dry-run", "results/samples/arithmetic/medium/0.parquet")
    assert re.search(r"rule sample:(?s:.)*resources: .*\bgpu=4\b", said)
    said = checkout.snakemake("--dry-run", "results/samples/arithmetic/small/0.parquet")
    assert re.search(r"\bgpu=1\b", said)
    said = checkout.snakemake("--dry-run", "--config", "gres=gpu:h100", "--profile", "slurm")
    assert "gres=gpu:h100:4" in said and "gres=gpu:h100:1" in said and "gpu=" not in said.replace("tasks_per_gpu=", "")


def test_a_mistake_in_the_engines_arguments_is_told_before_anything_runs(checkout):
    checkout.change(models__small__engine={"arguments": {"speculative_confg": {}}})
    said = checkout.snakemake("--dry-run", succeeds=False)
    assert "models.small.engine.arguments: vLLM has no argument speculative_confg; there is speculative_config" in said
