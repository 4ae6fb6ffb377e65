import subprocess
import sys

PROGRAM = """
import subprocess, sys
from monkeys.logs import logging_to
with logging_to({log!r}) as console:
    print("to the log")
    subprocess.run(["echo", "a child, too"])
    print("to the console", file=console)
    {last}
print("after")
"""


def run(root, log, last="pass"):
    return subprocess.run(
        # a shell's background jobs ignore interrupts
        ["env", "--default-signal=INT", sys.executable, "-c", PROGRAM.format(log=str(log), last=last)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(root / "workflow/scripts"), "PATH": "/usr/bin:/bin"},
    )


def test_output_goes_to_the_log_and_progress_to_the_console(root, tmp_path):
    result = run(root, tmp_path / "deep" / "job.log")
    assert (tmp_path / "deep" / "job.log").read_text() == "to the log\na child, too\n"
    assert result.stderr == "to the console\n"
    assert result.stdout == "after\n"
    assert result.returncode == 0


def test_an_interrupt_ends_the_job_without_a_traceback(root, tmp_path):
    result = run(root, tmp_path / "job.log", "import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    assert result.returncode == 130
    assert result.stderr == "to the console\n"
    assert (tmp_path / "job.log").read_text().endswith("ended by SIGINT\n")


def test_an_error_is_logged_with_its_traceback_and_shown_on_the_console_in_one_line(root, tmp_path):
    result = run(root, tmp_path / "job.log", "raise ValueError('the remedy')")
    assert result.returncode == 1
    assert result.stderr == "to the console\nValueError: the remedy\n"
    assert "Traceback" in (tmp_path / "job.log").read_text()
