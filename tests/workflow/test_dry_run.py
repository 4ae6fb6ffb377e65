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
    output = checkout.snakemake("--dry-run", study=study)
    assert "This was a dry-run" in output
    for rule in ("problems", "sample", "verify", "tally", "curves", "table", "figure", "overview"):
        assert f"rule {rule}:" in output


def test_every_snakemake_command_in_the_readme_can_be_planned_unchanged(checkout, root):
    shutil.copy(checkout.folder / "studies/template.yaml", checkout.folder / "my-study.yaml")
    commands = re.findall(
        r"^snakemake (.*my-study\.yaml(?: --.*?)?)(?: +#.*)?$", (root / "README.md").read_text(), re.MULTILINE
    )
    planned = [shlex.split(command) for command in commands if "--report" not in command]
    assert sum(words[-1] != "my-study.yaml" or words[0][0] != "-" for words in planned) >= 6
    for words in planned:
        status, output = snakemakes.run([*words, "--dry-run"], checkout.folder)
        assert status == 0, f"{words}: {output}"


@pytest.mark.slow
def test_the_template_runs_unchanged(checkout):
    checkout.snakemake("results/my-study/tables/coverage.csv", study="studies/template.yaml")
    table = pd.read_csv(checkout.folder / "results/my-study/tables/coverage.csv")
    assert table["k"].max() == 64 and set(table["model"]) == {"my-model"}


def test_the_published_study_needs_no_gpu_and_no_problems(checkout):
    output = checkout.snakemake("--dry-run", study="studies/published.yaml")
    assert "rule import_samples:" in output and "rule figure:" in output
    assert not re.search(r"rule (sample|problems|prompts|verify|fetch_model):", output)


def test_the_papers_study_has_all_models_and_a_few_hundred_cluster_jobs(checkout):
    full = checkout.snakemake("--dry-run", study="config.yaml")
    assert len(set(re.findall(r"wildcards: task=(\S+), model=(\S+), shard", full))) == 4 + 4 + 2 * 3 + 2 * 8
    assert 300 < len(re.findall(r"^rule (?:sample|verify|score|selection):", full, flags=re.M)) < 1000


def test_config_yaml_is_the_default_study_and_configfile_replaces_it(checkout):
    command = checkout.command("--dry-run")
    bare = command[: command.index("--configfile")]
    output = subprocess.run(bare, cwd=checkout.folder, capture_output=True, text=True).stdout
    assert "llama-3-8b-instruct" in output
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


def test_a_model_may_have_its_own_samples_and_shards(checkout):
    jobs = checkout.plan(models__small__samples={"arithmetic": 128}, models__small__shard_size={"arithmetic": 64})
    shards = {job for job in jobs if job.startswith("sample task=arithmetic")}
    assert shards == {
        f"sample task=arithmetic, model={model}, shard={shard}" for model in ("small", "medium") for shard in (0, 1)
    }


def test_targets_stop_at_their_stage(checkout):
    stages = ["sample", "verify", "tally", "coverage"]
    for last, target in enumerate(("samples", "verdicts", "tallies")):
        output = checkout.snakemake("--dry-run", target)
        assert [rule for rule in stages if f"rule {rule}:" in output] == stages[: last + 1]


def test_config_errors_end_the_run_before_any_job_with_one_clear_message(checkout):
    checkout.change(tasks__arithmetic__samples=33, models__small__tasks=["arithmetics"])
    output = checkout.snakemake(succeeds=False)
    assert "tasks.arithmetic.samples: 33 is not a multiple of the shard size 16" in output
    assert "models.small.tasks: arithmetics is not a task of this study; defined: arithmetic, programs" in output
    assert "Traceback" not in output and "common.smk" not in output and "WorkflowError" not in output
    assert not (checkout.folder / "results").exists()


def test_config_warnings_are_shown_once_before_the_plan(checkout):
    study = checkout.folder / "mini.yaml"
    study.write_text(f"study: earlier\n{study.read_text()}")
    output = checkout.snakemake("--dry-run")
    assert output.count("WARNING") == 1
    assert f"WARNING {study}: study is given in line 1 and again in line 2; the first is ignored" in output


def test_an_unknown_file_name_is_not_mistaken_for_a_model(checkout):
    output = checkout.snakemake("--dry-run", "results/tallies/arithmetic/large.parquet", succeeds=False)
    assert "MissingRuleException" in output


def test_a_sampling_job_requests_as_many_gpus_as_its_model_uses(checkout):
    checkout.change(models__medium__engine={"tensor_parallel_size": 4})
    text = checkout.snakemake("--dry-run", "results/samples/arithmetic/medium/0.parquet")
    assert re.search(r"rule sample:(?s:.)*resources: .*\bgpu=4\b", text)
    text = checkout.snakemake("--dry-run", "results/samples/arithmetic/small/0.parquet")
    assert re.search(r"\bgpu=1\b", text)
    text = checkout.snakemake("--dry-run", "--config", "gres=gpu:h100", "--profile", "slurm")
    assert "gres=gpu:h100:4" in text and "gres=gpu:h100:1" in text and "gpu=" not in text.replace("tasks_per_gpu=", "")


def test_errors_in_engine_arguments_are_reported_before_anything_runs(checkout):
    checkout.change(models__small__engine={"arguments": {"speculative_confg": {}}})
    text = checkout.snakemake("--dry-run", succeeds=False)
    assert "models.small.engine.arguments: vLLM has no argument speculative_confg; there is speculative_config" in text
