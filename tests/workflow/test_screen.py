"""Console output of runs that succeed, fail, retry jobs or are interrupted, with tiny workflows for speed."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import snakemakes
import yaml
from checkout import Checkout

SNAKEFILE = """
import sys
sys.path.insert(0, "{scripts}")
from monkeys import console

SCREEN = console.Screen(workflow.logger_manager.logger, workflow.output_settings, True)
{more}

onstart:
    SCREEN.start(lambda: console.jobs_of(workflow.dag, size), lambda task: 10, False, "here")

onsuccess:
    SCREEN.end(True, log[0], lambda: "what there is")

onerror:
    SCREEN.end(False, log[0], lambda: "")

def size(wildcards):
    return {{"small": 100, "large": 4}}[wildcards.model]

rule all:
    input:
        "coverage.pdf",

rule sample:
    output:
        "samples/{{task}}/{{model}}/{{shard}}",
    log:
        "logs/{{task}}.{{model}}.{{shard}}.log",
    shell:
        "{python} job.py {{log}} {{output}} {{wildcards.model}}"

rule coverage:
    input:
        expand("samples/sums/{{model}}/{{shard}}", model=["small", "large"], shard=[0, 1]),
    output:
        "coverage.csv",
    shell:
        "touch {{output}}"

rule figure:
    input:
        "coverage.csv",
    output:
        "coverage.pdf",
    shell:
        "touch {{output}}"
"""

JOB = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, "{scripts}")
from monkeys import progress

log, output, model = sys.argv[1:]
work = {{"small": 1000, "large": 40}}[model]
with open(log, "w") as log_file, progress.progress_note(log) as note:
    note.begin(work)
    print("a note of", output, file=sys.stderr, flush=True)
    {step}
    note.add(work)
    Path(output).touch()
"""


@pytest.fixture
def tiny(root, tmp_path):
    """Function that runs a tiny workflow with the real rule names; `.command` returns its command line."""
    scripts = root / "workflow/scripts"

    def command(*arguments, step="pass", more=""):
        (tmp_path / "Snakefile").write_text(SNAKEFILE.format(scripts=scripts, python=sys.executable, more=more))
        (tmp_path / "job.py").write_text(JOB.format(scripts=scripts, step=step))
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def run(*arguments, succeeds=True, **parts):
        _, _, _, *given = command(*arguments, **parts)
        status, output = snakemakes.run(given, tmp_path)
        assert (status == 0) == succeeds, output
        return output

    run.command, run.folder = command, tmp_path
    return run


class Terminal:
    """A program in a terminal of 120 columns."""

    def __init__(self, command, folder):
        leader, follower = os.openpty()
        environment = dict(os.environ, TERM="xterm", COLUMNS="120", LINES="40")
        self.leader, self.text = leader, b""
        self.program = subprocess.Popen(
            ["env", "--default-signal=INT", *command],  # a shell's background jobs ignore interrupts
            cwd=folder,
            env=environment,
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        os.close(follower)

    def read(self, until=None, seconds=900):
        """Read output to its end, or until some text appears."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self.text += os.read(self.leader, 10_000)
            except OSError:  # closed by the program
                break
            if until and until in self.text.decode(errors="replace"):
                return self
        self.program.wait(timeout=seconds)
        return self

    def screen(self):
        """Lines that are finally visible on the screen."""
        lines, row, column = [""], 0, 0
        for part in re.findall(r"\x1b\[[?\d;]*[a-zA-Z]|\r|\n|[^\x1b\r\n]+", self.text.decode(errors="replace")):
            if part == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif part == "\r":
                column = 0
            elif part.startswith("\x1b["):
                if part.endswith("A"):
                    row -= int(part[2:-1] or 1)
                elif part.endswith("K"):
                    lines[row] = ""
            else:
                lines[row] = (lines[row].ljust(column)[:column] + part + lines[row][column + len(part) :]).rstrip()
                column += len(part)
        return lines


def test_plain_output_has_a_line_when_a_stage_begins_and_ends(tiny):
    output = tiny()
    assert "6 jobs here" in output and "\x1b" not in output
    for stage in ("Samples: 2,080 of 2,080 samples, took", "Analysis: 1 of 1 jobs", "Figures: 1 of 1 jobs"):
        assert stage in output
    assert output.count("Samples:") <= 6
    assert re.search(r"Done: 6 jobs in \d+ s\.\nwhat there is\n", output)
    for phrase in ("rule sample", "Building DAG", "steps", "Complete log", "Select jobs", "Job stats"):
        assert phrase not in output
    (log,) = (tiny.folder / ".snakemake/log").glob("*.log")
    assert log.read_text().count("rule sample:") == 4 and "6 of 7 steps" in log.read_text()
    assert "Nothing to be done" in tiny()


@pytest.mark.parametrize("arguments", [["--printshellcmds"], ["--verbose"], ["--dry-run"], ["--quiet", "reason"]])
def test_flags_for_verbosity_restore_snakemakes_own_output(tiny, arguments):
    output = tiny(*arguments)
    assert "rule sample:" in output and "Samples:" not in output and "Done:" not in output


@pytest.mark.parametrize(
    ("arguments", "jobs", "there", "not_there"),
    [
        (["coverage.csv"], 5, "Analysis: 1 of 1 jobs", "Figures"),
        (["samples/sums/large/0"], 1, "Samples: 40 of 40 samples", "Analysis"),
        (["--until", "sample"], 4, "Samples: 2,080 of 2,080 samples", "Analysis"),
    ],
)
def test_a_partial_run_shows_only_its_own_stages(tiny, arguments, jobs, there, not_there):
    output = tiny(*arguments)
    assert f"{jobs} jobs here" in output and f"Done: {jobs} jobs" in output
    assert there in output and not_there not in output


FAILS = """
    failed_once = Path(log + ".failed_once")
    if "{which}" in output and not failed_once.exists():
        {mark}
        note.add(500)
        print("the cause", file=log_file, flush=True)
        sys.exit(1)
""".strip()


def test_a_retried_job_counts_once_and_not_as_failed(tiny):
    output = tiny("--retries", "1", step=FAILS.format(which="small/0", mark="failed_once.touch()"))
    assert "Failed: sample sums small 0" in output and "  | the cause" in output
    assert "Samples: 2,080 of 2,080 samples, took" in output and "Done: 6 jobs" in output
    assert "jobs failed" not in output


def test_failed_jobs_are_named_with_their_log_and_others_continue(tiny):
    output = tiny("--keep-going", step=FAILS.format(which="small/0", mark="pass"), succeeds=False)
    assert re.search(
        r"1 of 6 jobs failed, 3 are done, after \d+ s:\n  sample sums small 0  logs/sums.small.0.log", output
    )
    assert "Snakemake's log: " in output and "CalledProcessError" not in output
    assert output.count("| the cause") == 1 and "what there is" not in output
    tiny()


@pytest.mark.parametrize("part", ["Screen._count_problems", "Screen._report_stages", "progress.read"])
def test_a_failing_display_does_not_stop_the_run(tiny, part):
    output = tiny(more=f"console.PLAIN_POLL_SECONDS = 0.1\nconsole.{part} = lambda *_: 1 / 0", step="time.sleep(1)")
    assert "NOTE the progress display failed (ZeroDivisionError: division by zero); the run continues" in output
    assert output.count("NOTE the progress display") == 1 and "6 of 7 steps" in output
    assert (tiny.folder / "coverage.pdf").exists()


def test_a_terminal_shows_one_line_per_stage_and_intact_messages(tiny):
    terminal = Terminal(tiny.command(step="time.sleep(1.5); print('the end of', output, file=sys.stderr)"), tiny.folder)
    lines = terminal.read().screen()
    assert terminal.program.wait() == 0
    for stage, count in (
        ("Samples", "2,080 of 2,080 samples"),
        ("Analysis", "1 of 1 jobs"),
        ("Figures", "1 of 1 jobs"),
    ):
        (line,) = [line for line in lines if line.startswith(stage)]
        assert count in line and "took" in line
    for job in ("small/0", "small/1", "large/0", "large/1"):
        assert lines.count(f"a note of samples/sums/{job}") == lines.count(f"the end of samples/sums/{job}") == 1
    assert "what there is" in lines
    seen = terminal.text.decode()
    assert "sums" in seen and " left" in seen and "rule sample" not in seen
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")  # the cursor is shown


def test_an_interrupt_restores_the_terminal_and_says_how_to_resume(tiny):
    terminal = Terminal(tiny.command(step="time.sleep(60)"), tiny.folder).read(until="a note of")
    os.killpg(terminal.program.pid, signal.SIGINT)
    lines = terminal.read().screen()
    assert terminal.program.wait() != 0
    output = "\n".join(lines)
    assert re.search(r"\nStopped after \d+ s, 0 of 6 jobs done; the same command resumes from here", output)
    assert "failed" not in output
    seen = terminal.text.decode()
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")
    assert not list(tiny.folder.glob("logs/*.progress"))


@pytest.fixture
def counts_study(root, tmp_path):
    """A study of published counts, which takes less than a minute to analyse."""
    checkout = Checkout.of(root, tmp_path / "checkout")
    (checkout.folder / "counts.csv").write_text("problem_id,samples,correct\n1,10,3\n2,10,0\n3,10,9\n")
    model = {"outcomes": {"arithmetic": "counts.csv"}, "tasks": ["arithmetic"]}
    study = {"study": "mine", "results": "results/mine", "tasks": {"arithmetic": {}}, "models": {"published": model}}
    (checkout.folder / "mini.yaml").write_text(yaml.safe_dump(study))
    return checkout


def test_a_finished_study_shows_coverage_result_folders_and_the_next_command(counts_study):
    part = counts_study.snakemake("results/mine/figures/coverage.pdf")
    assert "Figures: 1 of 1 jobs" in part and "Next" not in part
    output = counts_study.snakemake()
    assert re.search(r"arithmetic +published +40\.0% +66\.\d% +66\.\d% \(k=10\)", output)
    for line in ("Figures  results/mine/figures/", "Tables   results/mine/tables/"):
        assert line in output
    assert "snakemake --configfile mini.yaml --report results/mine/report.html" in output
    assert "Next     " in output
