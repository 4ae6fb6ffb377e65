"""What is said of a stage from what its jobs have noted, and the notes themselves."""

import itertools
import re
import time

import pytest

from monkeys import progress
from monkeys.console import STAGES, Job, Stage, closing_summary


def stage(*jobs):
    made = Stage()
    made.jobs += jobs
    return made


def job(model, state="waiting", size=100, **more):
    return Job("sample", {"task": "sums", "model": model, "shard": "0"}, size=size, state=state, **more)


def test_what_is_left_is_reckoned_by_the_pace_of_each_model():
    fast = job("small", "done", done=100, began=10, ended=20)
    slow = job("large", "running", done=10, began=20)
    waiting = job("large"), job("small")
    said = stage(fast, slow, *waiting)
    # at 40 s: 90 + 100 samples of the large model at 2 s each, 100 of the small one at 0.1 s
    assert said.seconds_left(now=40) == pytest.approx(190 * 2 + 10)


def test_jobs_side_by_side_share_what_is_left_but_the_longest_has_to_end():
    jobs = [job("small", "running", done=50, began=0), job("small", "running", done=90, began=0)]
    assert stage(*jobs).seconds_left(now=70) == pytest.approx(50)  # one a second, and 50 are left of the slower


def test_samples_of_an_earlier_run_count_as_done_but_not_for_the_pace():
    resumed = job("small", "running", before=80, done=90, began=0)
    assert stage(resumed).seconds_left(now=10) == pytest.approx(10)
    assert stage(resumed).cells(now=10)[0] == "90 of 100 samples"


def test_shards_may_have_sizes_of_their_own():
    assert stage(job("small", size=1000), job("large", size=24)).cells(now=0)[0] == "0 of 1,024 samples"


def test_jobs_are_counted_where_samples_are_not_known():
    said = stage(job("small", "done", size=None), job("large", "running", done=3, size=8))
    assert said.cells(now=0)[0] == "1 of 2 jobs"


def test_the_speed_is_that_of_the_last_seconds():
    running = job("small", "running", size=10_000, began=0)
    said = stage(running)
    for second in range(60):
        running.done = 10 * second if second < 40 else 400 + 100 * (second - 40)
        said.rate(float(second))
    assert said.cells(now=60.0)[1] == "90/s"


def test_failed_jobs_are_counted_and_a_finished_stage_says_how_long_it_took():
    failed = stage(job("small", "failed"), job("small", "running", began=0.5))
    assert failed.cells(now=10.5)[2:] == ["1 failed, for 10 s", "small · sums"]
    assert stage(job("small", "done", done=100, began=5, ended=25)).cells(now=99)[2] == "took 20 s"


def test_a_calm_console_tells_of_begin_tenths_and_end():
    running = job("small", "running", size=1000, began=1.0)
    said, told = stage(running), []
    for second in range(1, 1002):
        running.done = second - 1
        if said.is_due(float(second)):
            told.append(running.done)
    running.state = "done"
    assert said.is_due(1003.0)
    assert told[0] == 0 and len(told) == 10
    assert all(100 <= later - earlier <= 102 for earlier, later in itertools.pairwise(told))
    assert not said.is_due(9999.0)


def test_a_stage_that_goes_from_job_to_job_does_not_begin_again_and_again():
    said = stage(*(job("small", began=1.0) for _ in range(1000)))
    told = 0
    for number, current in enumerate(said.jobs):
        for current.state in ("running", "done"):
            told += said.is_due(number / 100)
    assert told <= 4


def test_a_note_says_how_far_a_job_is_and_goes_with_it(tmp_path):
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


def test_a_note_is_written_seldom_however_often_it_is_added_to(tmp_path, monkeypatch):
    writes = []
    monkeypatch.setattr(progress.Note, "_write", lambda note, now: writes.append(setattr(note, "_due", now + 0.5)))
    note = progress.Note(tmp_path / "note")
    note.begin(10**6)
    began = time.monotonic()
    for _ in range(200_000):
        note.add(1)
    assert len(writes) <= 2 + (time.monotonic() - began) / 0.5


@pytest.mark.parametrize("path", ["/dev/full", "/no/folder/here"])
def test_no_job_fails_because_of_its_note(path):
    note = progress.Note(path)
    note.begin(10)
    note.add(10)
    assert note.done == 10


def test_a_torn_note_of_a_killed_job_is_none(tmp_path):
    (tmp_path / "job.progress").write_text("12 ")
    assert progress.read(tmp_path / "job.log") is None


def test_every_rule_has_a_stage_and_every_named_rule_exists(root):
    rules = set(re.findall(r"^rule (\w+):", "".join(p.read_text() for p in root.glob("workflow/rules/*.smk")), re.M))
    assert {rule for named in STAGES.values() for rule in named} <= rules
    assert {Job(rule).stage for rule in rules} == set(STAGES)
    assert Job("figure").stage == "Figures" and Job("table").stage == "Analysis"


def test_the_closing_shows_coverage_and_how_to_go_on(tmp_path):
    tables = tmp_path / "tables"
    tables.mkdir()
    rows = ["sums,small,1,0.05,0,0", "sums,small,10,0.5,0,0", "sums,small,16,0.625,0,0", "sums,large,1,0.25,0,0"]
    (tables / "coverage.csv").write_text("\n".join(["task,model,k,coverage,low,high", *rows]))
    (tmp_path / "overview.rst").touch()
    said = closing_summary(tmp_path, "--configfile mine.yaml")
    lines = [line.split() for line in said.splitlines()]
    assert ["sums", "small", "5.0%", "50.0%", "62.5%", "(k=16)"] in lines
    assert ["sums", "large", "25.0%", "25.0%", "(k=1)"] in lines
    assert f"snakemake --configfile mine.yaml --report {tmp_path}/report.html" in said
    (tmp_path / "report.html").touch()
    assert f"Report   {tmp_path}/report.html" in closing_summary(tmp_path, "--configfile mine.yaml")
