"""A small study with real sampling, and the jobs that a change does or does not rerun."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from checkout import MINI, Checkout

from monkeys.reporting import registry
from monkeys.storage import read_provenance, read_rows
from monkeys.study import Study

STUDY = Study.load(MINI)
FIGURES, TABLES = (registry.default_results(function, STUDY) for function in ("draw", "tabulate"))
CURVES = {
    argument.removesuffix("_curves")
    for function, results in (("draw", FIGURES), ("tabulate", TABLES))
    for result in results
    for argument in registry.arguments(result, function)
    if argument.endswith("_curves")
}
PREDICTION = {f"{kind} result={name}" for kind in ("curves", "table") for name in ("prediction", "prediction_backtest")}
PREDICTION |= {"figure result=prediction"}
CROSS_MODEL = {"curves": len(CURVES), "table": len(TABLES), "figure": len(FIGURES), "explorer": 1, "overview": 1}
# programs have no answers, so votes that stop early do not depend on them
OF_PROGRAMS = CROSS_MODEL | {"table": len(TABLES) - 1, "figure": len(FIGURES) - 1}


def jobs_of(plan):
    """Job counts by rule, without the entries that name wildcards."""
    return {name: count for name, count in plan.items() if " " not in name}


def results_of(plan):
    """Planned results by rule and name, and the other planned rules."""
    with_names = {name for name in plan if " result=" in name}
    return with_names | {name for name in plan if " " not in name} - {"curves", "table", "figure"}


def fingerprint(path):
    return path.stat().st_mtime_ns, path.read_bytes()


def test_all_figures_tables_and_logs_exist(finished_study):
    figures = [f"figures/{name}.{ending}" for name in FIGURES for ending in ("pdf", "png")]
    tables = [f"tables/{name}.{ending}" for name in TABLES for ending in ("csv", "md")]
    for path in (*figures, *tables, "figures/explorer.html", "overview.rst"):
        assert (finished_study.folder / "results" / path).stat().st_size > 100, path
    assert {path.stem for path in finished_study.results("figures/*")} == {*FIGURES, "explorer"}
    for output in finished_study.results("samples/*/*/*.parquet"):
        log = str(output).replace("/samples/", "/logs/sample/").replace(".parquet", ".log")
        assert Path(log).stat().st_size > 0


def test_every_problem_has_exactly_its_samples_with_text_tokens_and_probability(finished_study):
    for model in ("small", "medium"):
        rows = [row for path in finished_study.results(f"samples/arithmetic/{model}/*") for row in read_rows(path)]
        numbers = pd.DataFrame(rows).groupby("problem_id")["sample"].apply(sorted)
        assert len(numbers) == 10
        assert all(samples == list(range(32)) for samples in numbers)
        assert all(row["finish_reason"] in ("stop", "length") for row in rows)
        assert all(0 < row["tokens"] <= 64 and row["prompt_tokens"] > 10 and row["logprob"] < 0 for row in rows)


def test_tallies_agree_with_the_verdicts(finished_study):
    for task, model, samples in (("arithmetic", "small", 32), ("arithmetic", "medium", 32), ("programs", "small", 16)):
        shards = [pq.read_table(path).to_pandas() for path in finished_study.results(f"verdicts/{task}/{model}/*")]
        verdicts = pd.concat(shard.astype({"problem_id": str}) for shard in shards)
        tally = pd.read_parquet(finished_study.folder / f"results/tallies/{task}/{model}.parquet")
        assert (tally["samples"] == samples).all()
        correct = (verdicts["outcome"] == "correct").groupby(verdicts["problem_id"]).sum()
        assert tally.set_index("problem_id")["correct"].to_dict() == correct.to_dict()
        assert 0 < tally["correct"].sum() < tally["samples"].sum()
        assert (tally["verifier_error"] == 0).all()


def test_samples_have_provenance_and_each_engine_start_its_own_seed(finished_study):
    seeds = []
    for path in finished_study.results("samples/*/*/*.parquet"):
        provenance = read_provenance(path)
        assert provenance["model_settings"]["sampling"]["temperature"] in (0.8, 1.0)
        (start,) = provenance["engine_starts"]
        assert start["stop_token_ids"] == [0]
        assert start["engine"] == "vllm" and start["version"]
        seeds.append(start["seed"])
    assert len(set(seeds)) == len(seeds) == 5


def test_programs_run_in_a_sandbox_and_verdicts_record_what_it_prevents(finished_study):
    (path,) = finished_study.results("verdicts/programs/small/*")
    prevented = read_provenance(path)["guarantees"]["prevented"]
    assert prevented and all(prevented.values())


def test_shards_share_no_more_texts_than_expected_by_chance(finished_study):
    """Shifting one shard against itself gives the chance level; a repeated seed would make two shards equal."""
    shards = [
        {(row["problem_id"], row["sample"] % 16): row["text"] for row in read_rows(path)}
        for path in finished_study.results("samples/arithmetic/small/*")
    ]

    def agreement(first, second):
        return sum(first[key] == second[key] for key in first) / len(first)

    shifted = {(problem, number): shards[0][problem, (number + 1) % 16] for problem, number in shards[0]}
    assert agreement(shards[0], shards[1]) < agreement(shards[0], shifted) + 0.15 < 0.8


def test_progress_is_shown_on_the_console(finished_study):
    output = finished_study.console
    assert "jobs of study mini on 2 cores; Snakemake's log: .snakemake/log/" in output
    for line in ("Samples: 736 of 736 samples", "Verdicts: 736 of 736 samples", "Figures: "):
        assert line in output
    assert re.search(r"arithmetic +small +\d+\.\d% .*\(k=32\)", output)
    for line in ("Figures  results/figures/", "Tables   results/tables/", "--report results/report.html"):
        assert line in output
    assert "rule sample:" not in output
    (log,) = (finished_study.folder / ".snakemake/log").glob("*.log")
    assert log.read_text().count("rule sample:") == 5


def test_a_second_run_has_nothing_to_do(finished):
    assert finished.plan() == {}


def test_journals_are_deleted_when_the_study_is_complete(finished_study):
    assert not finished_study.results(".journal/**/*.jsonl")


def test_edited_sampling_code_triggers_no_resampling(finished):
    scripts = finished.folder / "workflow" / "scripts"
    for file in (scripts / "sample.py", *(scripts / "monkeys/sampling").glob("*.py"), finished.folder / "Snakefile"):
        file.write_text(file.read_text() + "\n# edited\n")
    assert finished.plan() == {}


def test_rebuilding_unchanged_problems_triggers_nothing(finished):
    dataset = finished.folder / "resources/demo/arithmetic/test.jsonl"
    finished.snakemake("results/problems/arithmetic.parquet", "--forcerun", "problems")
    assert finished.plan() == {}
    dataset.write_text(dataset.read_text())  # as after a git checkout: newer, but with the same content
    assert finished.plan() == {}


def test_an_edited_prompt_resamples_only_its_task(finished):
    jobs = finished.plan(tasks__arithmetic__prompt="Problem: {{ question }}\nAnswer:\n")
    assert jobs["sample"] == 4
    assert not [job for job in jobs if "programs" in job]


def test_an_edited_question_triggers_no_resampling(finished):
    jobs = finished.plan(tasks__arithmetic__question="{{ question }}?")
    assert jobs["problems"] == 1
    assert not jobs["prompts"] and not jobs["sample"]


def test_an_edited_reference_triggers_verification_but_no_resampling(finished):
    columns = {"id": "id", "reference": None}
    jobs = jobs_of(finished.plan(tasks__arithmetic__columns=columns, tasks__arithmetic__reference="so {{ answer }}"))
    assert jobs == {"problems": 1, "verify": 4, "tally": 2, "selection": 2} | CROSS_MODEL


def test_new_weights_resample_only_their_model(finished):
    jobs = finished.plan(models__medium__weights="resources/demo/marmoset-3m")
    assert jobs_of(jobs)["sample"] == 2
    assert not [job for job in jobs if "model=small" in job]


def test_refetched_weights_trigger_no_resampling(finished):
    finished.snakemake("--forcerun", "fetch_model")
    assert finished.plan() == {}


def test_changed_model_facts_trigger_no_resampling(finished):
    jobs = results_of(finished.plan(models__medium__facts={"parameters": 7}))
    assert jobs == {
        "model_facts",
        "curves result=cost_effectiveness",
        "table result=cost_effectiveness",
        "table result=comparison",
        "figure result=comparison",
        "figure result=coverage_vs_compute",
    }


def edit(checkout, file, old, new):
    """Edit the code of the package."""
    path = checkout.folder / "workflow/scripts" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_an_edited_estimator_reruns_only_the_results_that_use_it(finished):
    edit(finished, "monkeys/analysis/power_law.py", "log_spaced(largest, 20)", "log_spaced(largest, 21)")
    assert results_of(finished.plan()) == {"table result=power_law", "figure result=power_law"}
    edit(finished, "monkeys/analysis/power_law.py", "p0=(-1, -0.3)", "p0=(-1, -0.2)")
    assert results_of(finished.plan()) == {"table result=power_law", "figure result=power_law"} | PREDICTION


def test_an_edited_figure_redraws_only_itself(finished):
    edit(finished, "monkeys/results/selection.py", '"fraction of problems solved"', '"solved"')
    assert results_of(finished.plan()) == {"figure result=selection"}


def test_an_edited_style_redraws_all_figures_and_nothing_else(finished):
    edit(finished, "monkeys/reporting/style.py", "def arrange(", "def arrange(  # edited")
    assert results_of(finished.plan()) == {f"figure result={name}" for name in FIGURES}


def test_an_edited_table_writer_rewrites_all_tables(finished):
    edit(finished, "monkeys/analysis/tables.py", "table.round(4)", "table.round(5)")
    tables = ("power_law", "prediction", "comparison", "early_stopping")
    after = {"overview", *(f"figure result={name}" for name in tables)}  # these read a table
    assert results_of(finished.plan()) == {f"table result={name}" for name in TABLES} | after


def test_an_edited_comment_triggers_nothing(finished):
    edit(finished, "monkeys/analysis/coverage.py", "def coverage(", "# a remark\n\n\ndef coverage(")
    assert finished.plan() == {}


def test_a_figure_can_be_requested_by_name_and_an_impossible_one_says_why(finished):
    (finished.folder / "results/figures/coverage.pdf").unlink()
    finished.snakemake("results/figures/coverage.pdf")
    assert (finished.folder / "results/figures/coverage.pdf").exists()
    output = finished.snakemake("results/figures/coverage_vs_cost.pdf", succeeds=False)
    assert "coverage_vs_cost: no model with a price that can be applied (models.*.price)" in output


def test_guessing_the_most_frequent_answers_is_a_baseline(finished):
    finished.change(tasks__arithmetic__guesses="test")  # as if it were a training split
    finished.snakemake("results/figures/guessing.pdf", "results/tables/guessing.csv")
    ranks = pd.read_csv(finished.folder / "results/guesses/arithmetic.csv")
    table = pd.read_csv(finished.folder / "results/tables/guessing.csv")
    assert len(ranks) == 10 and ranks["rank"].notna().all()  # every answer is among those guessed
    assert table["k"].max() == 32
    for row in table.itertuples():
        assert row.coverage == (ranks["rank"] <= row.k).mean()
    assert finished.plan("results/figures/guessing.pdf") == {}


def test_a_new_model_runs_only_its_own_jobs_and_the_joint_results(finished):
    models = finished.study()["models"]
    large = {**models["medium"], "weights": "resources/demo/marmoset-3m"}
    jobs = finished.plan(models={**models, "large": large})
    own = {"fetch_model": 1, "model_facts": 1, "sample": 2, "verify": 2, "tally": 1, "selection": 1}
    assert jobs_of(jobs) == own | CROSS_MODEL
    assert not [job for job in jobs if "model=small" in job or "model=medium" in job]


def test_more_samples_run_only_the_new_shards(finished):
    before = {path: fingerprint(path) for path in finished.results("samples/*/*/*.parquet")}
    jobs = finished.plan(tasks__programs__samples=32)
    assert jobs_of(jobs) == {"sample": 1, "verify": 1, "tally": 1, "selection": 1} | OF_PROGRAMS
    assert jobs["sample task=programs, model=small, shard=1"] == 1
    finished.snakemake("tallies")
    assert {path: fingerprint(path) for path in before} == before
    tally = pd.read_parquet(finished.folder / "results/tallies/programs/small.parquet")
    assert (tally["samples"] == 32).all()
    assert finished.plan("tallies") == {}


def test_more_samples_of_one_model_run_only_its_new_shards(finished):
    jobs = finished.plan(models__medium__samples={"arithmetic": 64})
    assert jobs_of(jobs) == {"sample": 2, "verify": 2, "tally": 1, "selection": 1} | CROSS_MODEL
    assert {job for job in jobs if job.startswith("sample ")} == {
        f"sample task=arithmetic, model=medium, shard={shard}" for shard in (2, 3)
    }


def test_fewer_samples_use_the_first_shards_and_keep_all_files(finished):
    before = {path: fingerprint(path) for path in finished.results("samples/*/*/*.parquet")}
    jobs = finished.plan(tasks__arithmetic__samples=16)
    assert jobs_of(jobs) == {"tally": 2, "selection": 2} | CROSS_MODEL
    finished.snakemake("tallies")
    assert {path: fingerprint(path) for path in before} == before
    assert (pd.read_parquet(finished.folder / "results/tallies/arithmetic/small.parquet")["samples"] == 16).all()
    jobs = finished.plan(tasks__arithmetic__samples=32)
    assert "sample" not in jobs and "verify" not in jobs


def test_the_summary_shows_progress_and_runs_nothing(finished):
    output = finished.snakemake("summary", "--quiet", "all")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in output.splitlines() if line.startswith("| ")]
    assert rows[0][:4] == ["task", "model", "samples", "wanted"]
    assert [row[:4] for row in rows[1:]] == [
        ["arithmetic", "small", "320", "320"],
        ["arithmetic", "medium", "320", "320"],
        ["programs", "small", "96", "96"],
    ]
    for _, _, _, _, tokens, speed, truncated, left in rows[1:]:
        assert int(tokens.replace(",", "")) > 1000
        assert int(speed.replace(",", "")) > 10
        assert truncated.endswith("%") and left == "0 s"
    finished.change(tasks__arithmetic__samples=64)
    assert "640" in finished.snakemake("summary", "--quiet", "all")
    assert len(finished.results("samples/arithmetic/small/*")) == 2


def test_the_forecast_shows_what_is_still_needed_and_runs_nothing(finished):
    output = finished.snakemake("forecast", "--quiet", "all")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in output.splitlines() if line.startswith("| ")]
    assert rows[0] == [
        "task",
        "model",
        "samples drawn",
        "coverage",
        "samples",
        "GPU hours",
        "dollars",
        "method",
        "error",
    ]
    assert [row[:3] for row in rows[1:]] == [
        ["arithmetic", "small", "32"],
        ["arithmetic", "medium", "32"],
        ["programs", "small", "16"],
    ]
    assert "until 0.9 coverage" in output
    finished.change(tasks__arithmetic__samples=64)
    assert "32" in finished.snakemake("forecast", "--quiet", "all")
    assert len(finished.results("samples/arithmetic/small/*")) == 2
    shutil.rmtree(finished.folder / "results/tallies")
    assert "No tallies yet" in finished.snakemake("forecast", "--quiet", "all")


def test_finished_samples_survive_a_move_and_a_return_to_earlier_settings(finished, tmp_path):
    """Without its records, Snakemake starts every job, and deletes the output of each job that it starts."""
    before = {path.name: path.read_bytes() for path in finished.results("samples/programs/small/*.parquet")}
    moved = Checkout.of(finished.folder, tmp_path / "elsewhere")
    shutil.copytree(finished.folder / "results", moved.folder / "results")  # with current modification times
    shutil.copy(finished.folder / "mini.yaml", moved.folder)
    shutil.rmtree(moved.folder / "results/.kept")  # results of an earlier version have none
    (target,) = moved.results("samples/programs/small/*.parquet")
    command = [str(target.relative_to(moved.folder)), "--forcerun", "sample"]
    moved.snakemake(*command)
    assert {target.name: target.read_bytes()} == before
    assert "are reused" in moved.log("sample/programs/small/0")
    moved.change(models__small__sampling={"max_tokens": 20})
    moved.snakemake(command[0])
    assert target.read_bytes() != before[target.name]
    moved.change(models__small__sampling={})
    moved.snakemake(command[0])
    assert target.read_bytes() == before[target.name]


def test_added_problems_are_sampled_and_verified_alone(finished):
    files = ["samples/programs/small/0.parquet", "verdicts/programs/small/0.parquet"]
    samples, verdicts = (finished.folder / "results" / file for file in files)
    before = [list(read_rows(path)) for path in (samples, verdicts)]
    finished.change(tasks__programs__problems=8)
    output = finished.snakemake(str(verdicts.relative_to(finished.folder)))
    assert "NOTE 96 of 128 samples were drawn before" in output
    for path, rows in zip((samples, verdicts), before, strict=True):
        ids = {row["problem_id"] for row in rows}
        now = list(read_rows(path))
        assert len(now) == 128
        assert [row for row in now if row["problem_id"] in ids] == rows
    provenance = read_provenance(verdicts)
    assert provenance["taken_up"] == 96
    assert 0 < provenance["distinct"] <= 32


def test_a_changed_temperature_resamples_only_its_model(finished):
    jobs = finished.plan(models__medium__sampling={"temperature": 0.5})
    assert jobs_of(jobs) == {"sample": 2, "verify": 2, "tally": 1, "selection": 1} | CROSS_MODEL
    assert not [job for job in jobs if "model=small" in job]


@pytest.mark.parametrize(
    "changes",
    [
        {"models__small__engine": {"tensor_parallel_size": 2, "max_num_seqs": 32, "gpu_memory_utilization": 0.5}},
        {"models__small__engine": {"dtype": "bfloat16", "arguments": {"enable_chunked_prefill": False}}},
        {"study": "renamed"},
        {"verification": {"allow_unsandboxed": True}},
    ],
)
def test_execution_settings_trigger_no_resampling(finished, changes):
    assert finished.plan(**changes) == {}


def test_changed_verifier_limits_trigger_verification_but_no_resampling(finished):
    jobs = jobs_of(finished.plan(tasks__programs__limits={"cpu_seconds": 2, "memory_mb": 256}))
    assert jobs == {"verify": 1, "tally": 1, "selection": 1} | OF_PROGRAMS
