"""Progress notes of jobs, and the display of stages that is computed from them."""

import itertools
import re
import time

import pytest

from monkeys import progress
from monkeys.console import STAGES, Job, Stage, closing_summary


def stage(*jobs):
    result = Stage()
    result.jobs += jobs
    return result


def job(model, state="waiting", size=100, **more):
    return Job("sample", {"task": "sums", "model": model, "shard": "0"}, size=size, state=state, **more)


def test_time_left_is_estimated_from_the_speed_of_each_model():
    fast = job("small", "done", done=100, began=10, ended=20)
    slow = job("large", "running", done=10, began=20)
    waiting = job("large"), job("small")
    current_stage = stage(fast, slow, *waiting)
    # at 40 s: 90 + 100 samples of the large model at 2 s each, 100 of the small one at 0.1 s
    assert current_stage.seconds_left(now=40) == pytest.approx(190 * 2 + 10)


def test_time_left_is_at_least_that_of_the_slowest_running_job():
    jobs = [job("small", "running", done=50, began=0), job("small", "running", done=90, began=0)]
    assert stage(*jobs).seconds_left(now=70) == pytest.approx(50)  # one per second, and the slower job has 50 left


def test_samples_of_an_earlier_run_count_as_done_but_not_towards_the_speed():
    resumed = job("small", "running", before=80, done=90, began=0)
    assert stage(resumed).seconds_left(now=10) == pytest.approx(10)
    assert stage(resumed).cells(now=10)[0] == "90 of 100 samples"


def test_shards_may_have_different_sizes():
    assert stage(job("small", size=1000), job("large", size=24)).cells(now=0)[0] == "0 of 1,024 samples"


def test_jobs_are_counted_if_the_number_of_samples_is_unknown():
    current_stage = stage(job("small", "done", size=None), job("large", "running", done=3, size=8))
    assert current_stage.cells(now=0)[0] == "1 of 2 jobs"


def test_the_speed_is_averaged_over_the_last_seconds():
    running = job("small", "running", size=10_000, began=0)
    current_stage = stage(running)
    for second in range(60):
        running.done = 10 * second if second < 40 else 400 + 100 * (second - 40)
        current_stage.rate(float(second))
    assert current_stage.cells(now=60.0)[1] == "90/s"


def test_failed_jobs_are_counted_and_a_finished_stage_shows_its_duration():
    failed = stage(job("small", "failed"), job("small", "running", began=0.5))
    assert failed.cells(now=10.5)[2:] == ["1 failed, for 10 s", "small · sums"]
    assert stage(job("small", "done", done=100, began=5, ended=25)).cells(now=99)[2] == "took 20 s"


def test_a_plain_console_reports_the_start_every_tenth_and_the_end():
    running = job("small", "running", size=1000, began=1.0)
    current_stage, reported = stage(running), []
    for second in range(1, 1002):
        running.done = second - 1
        if current_stage.is_due(float(second)):
            reported.append(running.done)
    running.state = "done"
    assert current_stage.is_due(1003.0)
    assert reported[0] == 0 and len(reported) == 10
    assert all(100 <= later - earlier <= 102 for earlier, later in itertools.pairwise(reported))
    assert not current_stage.is_due(9999.0)


def test_a_stage_is_not_reported_again_for_each_of_its_jobs():
    current_stage = stage(*(job("small", began=1.0) for _ in range(1000)))
    reported = 0
    for number, current in enumerate(current_stage.jobs):
        for current.state in ("running", "done"):
            reported += current_stage.is_due(number / 100)
    assert reported <= 4


def test_a_progress_note_shows_the_state_of_a_job_and_is_deleted_at_its_end(tmp_path):
    log = tmp_path / "job.log"
    with progress.progress_note(log) as note:
        note.begin(total=1000, done=200)
        assert progress.read(log) == (200, 200, 1000)
        note.add(50)
        time.sleep(0.6)
        note.add(50)
        assert progress.read(log) == (200, 300, 1000)
    assert progress.read(log) is None
    assert not list(tmp_path.iterdir())


def test_a_progress_note_is_rarely_written_even_if_often_updated(tmp_path, monkeypatch):
    writes = []
    monkeypatch.setattr(progress.Note, "_write", lambda note, now: writes.append(setattr(note, "_due", now + 0.5)))
    note = progress.Note(tmp_path / "note")
    note.begin(10**6)
    began = time.monotonic()
    for _ in range(200_000):
        note.add(1)
    assert len(writes) <= 2 + (time.monotonic() - began) / 0.5


@pytest.mark.parametrize("path", ["/dev/full", "/no/folder/here"])
def test_an_unwritable_progress_note_does_not_fail_the_job(path):
    note = progress.Note(path)
    note.begin(10)
    note.add(10)
    assert note.done == 10


def test_a_torn_progress_note_of_a_killed_job_is_ignored(tmp_path):
    (tmp_path / "job.progress").write_text("12 ")
    assert progress.read(tmp_path / "job.log") is None


def test_every_rule_has_a_stage_and_every_stage_names_existing_rules(root):
    rules = set(re.findall(r"^rule (\w+):", "".join(p.read_text() for p in root.glob("workflow/rules/*.smk")), re.M))
    assert {rule for named in STAGES.values() for rule in named} <= rules
    assert {Job(rule).stage for rule in rules} == set(STAGES)
    assert Job("figure").stage == "Figures" and Job("table").stage == "Analysis"


def test_the_closing_summary_shows_coverage_and_the_next_command(tmp_path):
    tables = tmp_path / "tables"
    tables.mkdir()
    rows = ["sums,small,1,0.05,0,0", "sums,small,10,0.5,0,0", "sums,small,16,0.625,0,0", "sums,large,1,0.25,0,0"]
    (tables / "coverage.csv").write_text("\n".join(["task,model,k,coverage,low,high", *rows]))
    (tmp_path / "overview.rst").touch()
    summary = closing_summary(tmp_path, "--configfile mine.yaml")
    lines = [line.split() for line in summary.splitlines()]
    assert ["sums", "small", "5.0%", "50.0%", "62.5%", "(k=16)"] in lines
    assert ["sums", "large", "25.0%", "25.0%", "(k=1)"] in lines
    assert f"snakemake --configfile mine.yaml --report {tmp_path}/report.html" in summary
    (tmp_path / "report.html").touch()
    assert f"Report   {tmp_path}/report.html" in closing_summary(tmp_path, "--configfile mine.yaml")
