"""Console display of a running study: one line per stage, failures, and at the end where to find the results.

Snakemake's own messages then go to its log only. If they are requested (`--verbose`, `--printshellcmds`, `--quiet`, a
dry run, another logger) or the display itself fails, Snakemake prints as usual.
"""

import atexit
import csv
import functools
import logging
import math
import os
import shutil
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monkeys import progress
from monkeys.progress import duration

STAGES = {
    "Problems": ("prompts", "problems", "known_solutions", "demo_task"),
    "Models": ("check", "fetch_model", "fetch_reward", "model_facts", "demo_model", "demo_reward"),
    "Samples": ("sample", "request_samples", "import_samples"),
    "Verdicts": ("verify", "verify_known_solutions"),
    "Rewards": ("score",),
    "Analysis": (),
    "Figures": ("figure", "explorer"),
}
"""Stages, in the order in which they start, and their rules; all other rules belong to the analysis."""

POLL_SECONDS = 0.5
PLAIN_POLL_SECONDS = 5.0
"""Interval between two polls of the jobs' progress: on a terminal, and in plain output."""
INTERRUPT_SECONDS = 2.0
"""A job that failed longer ago than this did not fail because the whole run was interrupted."""
HEARTBEAT_SECONDS = 1800.0
"""Plain output reports a running stage after this time even if it made little progress."""
RATE_SECONDS = 10.0
"""Length of the window over which the sampling rate is averaged."""
TAIL_LINES = 5
"""Number of lines shown of a failed job's log."""

STARTUP_MESSAGES = ("Building DAG of jobs", "Assuming unrestricted", "Using shell", "Conda environments: ignored")
STARTUP_EVENTS = ("workflow_started", "resources_info", "run_info")
REPLACED_MESSAGES = ("At least one job did not complete", "Exiting because a job execution failed")
"""Messages of Snakemake that this display replaces or that do not help."""


@dataclass
class Job:
    """A job of the run and its progress."""

    rule: str
    wildcards: Mapping[str, str] = field(default_factory=dict)
    logs: Sequence[str] = ()
    per_problem: int | None = None
    """Samples per problem that it works on; None for jobs that are not a shard."""
    size: int | None = None
    """Samples that it works on; None until known."""
    state: str = "waiting"
    before: int = 0
    """Samples done by earlier runs."""
    done: int = 0
    """Samples done in total."""
    began: float = 0.0
    ended: float = 0.0

    @property
    def stage(self) -> str:
        """The stage that it belongs to."""
        for stage, rules in STAGES.items():
            if self.rule in rules:
                return stage
        return "Analysis"

    @property
    def subject(self) -> str:
        """Its model and task; for jobs without these, the rule."""
        names = [self.wildcards[key] for key in ("model", "task", "reward", "result") if key in self.wildcards]
        return " · ".join(names) or self.rule.replace("_", " ")

    @property
    def name(self) -> str:
        """Rule and wildcards, unique within the run."""
        return " ".join([self.rule, *self.wildcards.values()])

    def units(self, in_samples: bool) -> tuple[int, int]:
        """Done in this run and remaining, in samples or in jobs."""
        if in_samples:
            return self.done - self.before, (self.size or 0) - self.done
        return (1, 0) if self.state == "done" else (0, 1)


def jobs_of(dag: Any, samples_per_problem: Callable[[Any], int]) -> dict[Any, Job]:
    """Jobs of Snakemake's DAG that will run and write files, by job id; `samples_per_problem` takes wildcards."""
    return {
        dag.jobid(job): Job(
            job.name,
            dict(job.wildcards_dict),
            [str(log) for log in job.log],
            samples_per_problem(job.wildcards) if "shard" in job.wildcards_dict else None,
        )
        for job in dag.needrun_jobs()
        if job.output
    }


class Stage:
    """The jobs of one stage."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.last_report: tuple[float, float] | None = None
        """Time of the last report in plain output, and the fraction done then."""
        self._recent: deque[tuple[float, int]] = deque()

    @property
    def is_counted_in_samples(self) -> bool:
        """Whether the number of samples is known for all jobs."""
        return all(job.size is not None for job in self.jobs)

    @property
    def state(self) -> str:
        """State of its jobs taken together."""
        states = {job.state for job in self.jobs}
        for state in ("running", "failed", "waiting"):
            if state in states:
                return state
        return "done"

    def amounts(self) -> tuple[int, int]:
        """Done and total, in samples if their number is known, else in jobs."""
        if self.is_counted_in_samples:
            return sum(job.done for job in self.jobs), sum(job.size or 0 for job in self.jobs)
        return sum(job.state == "done" for job in self.jobs), len(self.jobs)

    def rate(self, now: float) -> float:
        """Samples per second over the last `RATE_SECONDS`; 0 if unknown."""
        if not self.is_counted_in_samples:
            return 0.0
        self._recent.append((now, self.amounts()[0]))
        while len(self._recent) > 2 and now - self._recent[1][0] >= RATE_SECONDS:
            self._recent.popleft()
        (then, before), (_, done) = self._recent[0], self._recent[-1]
        return max(done - before, 0) / (now - then) if now - then >= 1 else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Seconds until its last job ends, from the pace of jobs with the same subject, else of all jobs."""
        in_samples, spent = self.is_counted_in_samples, defaultdict[str | None, list[float]](lambda: [0.0, 0.0])
        for job in self.jobs:
            units, _ = job.units(in_samples)
            for subject in (job.subject, None) if units > 0 else ():
                spent[subject][0] += (now if job.state == "running" else job.ended) - job.began
                spent[subject][1] += units
        remaining = []
        for job in self.jobs if spent else ():
            if job.state in ("waiting", "running"):
                seconds, units_done = spent[job.subject if job.subject in spent else None]
                remaining.append(max(job.units(in_samples)[1], 0) * seconds / units_done)
        running = sum(job.state == "running" for job in self.jobs)
        return max(sum(remaining) / running, *remaining) if remaining and running else None

    def cells(self, now: float) -> list[str]:
        """Texts for the display: amount done, rate, time left or taken, and the subjects of running jobs."""
        (done, total), rate, state = self.amounts(), self.rate(now), self.state
        began = min((job.began for job in self.jobs if job.began), default=now)
        failed = sum(job.state == "failed" for job in self.jobs)
        when = [f"{failed} failed"] if failed else []
        if state == "running":
            left = self.seconds_left(now)
            when.append(f"for {duration(now - began)}" if left is None else f"{duration(left)} left")
        elif state == "done":
            when.append(f"took {duration(max(job.ended for job in self.jobs) - began)}")
        return [
            f"{done:,} of {total:,} {'samples' if self.is_counted_in_samples else 'jobs'}",
            f"{rate:,.0f}/s" if rate and state == "running" else "",
            ", ".join(when),
            ", ".join(dict.fromkeys(job.subject for job in self.jobs if job.state == "running")),
        ]

    def is_due(self, now: float) -> bool:
        """Whether plain output reports it now: it started, ended, got another tenth done, or the last report is old."""
        state, (done, total) = self.state, self.amounts()
        fraction = 1.0 if state == "done" else min(done / (total or 1), 0.99)
        if self.last_report is None:
            due = state in ("running", "done")
        else:
            elapsed, gain = now - self.last_report[0], fraction - self.last_report[1]
            advanced = elapsed >= PLAIN_POLL_SECONDS and (gain >= 0.1 or elapsed >= HEARTBEAT_SECONDS)
            due = gain > 0 if state == "done" else state == "running" and advanced
        if due:
            self.last_report = now, fraction
        return due


def giving_up_on_errors(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method's errors end the display and not the run; Snakemake then prints as usual."""

    @functools.wraps(method)
    def wrapper(self: "Screen", *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except Exception as error:
            self.give_up(error)

    return wrapper


class Screen(logging.Handler):
    """The console of a run; while it is on, Snakemake's own handler prints only warnings."""

    def __init__(self, logger: logging.Logger, settings: Any, wanted: bool) -> None:
        super().__init__()
        self.jobs: dict[Any, Job] = {}
        self.stages: dict[str, Stage] = {}
        self._logger = logger
        self._interrupted = False
        self._failures: list[tuple[float, Job, list[str]]] = []
        self._stopped = threading.Event()
        self._live: Any = None
        self._captured: _CapturedOutput | None = None
        handlers: list[Any] = [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]
        self._default_handler: Any = handlers[0] if handlers else None
        snakemake_only = (
            settings.printshellcmds or settings.verbose or settings.quiet or settings.debug_dag or settings.dryrun
        )
        self.phase = "before" if wanted and self._default_handler and not snakemake_only else "off"
        if self._default_handler:
            self._default_handler.addFilter(self._passes)

    def _passes(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake's own handler may print a record."""
        event, message = getattr(record, "event", None), str(record.msg)
        if self.phase == "before":
            return event not in STARTUP_EVENTS and not message.startswith(STARTUP_MESSAGES)
        if self.phase == "on":
            ours = event == "job_error" or getattr(record, "exception", None) == "RuleException"
            replaced = ours or any(part in message for part in REPLACED_MESSAGES)
            return record.levelno >= logging.WARNING and not replaced
        return True

    @giving_up_on_errors
    def start(
        self, jobs: Callable[[], Mapping[Any, Job]], problems: Callable[[str], int | None], plain: bool, title: str
    ) -> None:
        """Show a run that is about to start.

        Args:
            jobs: Returns the jobs that will run, by Snakemake's job id.
            problems: Returns the number of problems of a task; None while unknown.
            plain: Print few and plain lines, even on a terminal.
            title: Rest of the first line: the study, where it runs, and the log.
        """
        if self.phase == "off":
            return
        self.began, self._problems = time.monotonic(), problems
        for number, job in jobs().items():
            self._add(number, job)
        self._count_problems()
        stream = self._default_handler.stream
        print(f"{len(self.jobs)} jobs {title}", file=stream, flush=True)
        if not plain and stream.isatty() and os.environ.get("TERM") != "dumb":
            with suppress(ImportError):  # without rich: plain output
                self._draw_on(stream)
        self.phase = "on"
        self._logger.addHandler(self)
        threading.Thread(target=self._watch, daemon=True).start()

    def _draw_on(self, stream: Any) -> None:
        from rich.console import Console
        from rich.live import Live

        self._captured = _CapturedOutput()
        terminal = open(os.dup(self._captured.kept[stream.fileno()]), "w")
        console = Console(file=terminal, no_color=self._default_handler.nocolor, highlight=False)
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._live.start()
        console.show_cursor(True)  # so that a kill leaves the terminal usable
        atexit.register(self.close)

    def _add(self, number: Any, job: Job) -> None:
        self.jobs[number] = job
        self.stages.setdefault(job.stage, Stage()).jobs.append(job)
        self.stages = {stage: self.stages[stage] for stage in STAGES if stage in self.stages}

    def _count_problems(self) -> None:
        """Set the number of samples of jobs whose tasks' problems are known by now."""
        problems = functools.cache(self._problems)
        for job in self.jobs.values():
            if job.size is None and job.per_problem and (known := problems(job.wildcards["task"])):
                job.size = known * job.per_problem

    @giving_up_on_errors
    def emit(self, record: logging.LogRecord) -> None:
        """Follow Snakemake's log records on its jobs."""
        info: Any = record
        event, now = getattr(info, "event", None), time.monotonic()
        if event == "job_info":
            if info.jobid not in self.jobs and info.output:  # such as jobs after a checkpoint
                self._add(info.jobid, Job(info.rule_name, dict(info.wildcards), list(info.log)))
            if job := self.jobs.get(info.jobid):
                job.state, job.began, job.before = "running", now, job.done
                for log in job.logs[:1]:
                    progress.remove(log)
        elif event == "job_finished" and (job := self.jobs.get(info.job_id)):
            job.state, job.ended, job.done = "done", now, job.size or 0
            if job.stage == "Problems":
                self._count_problems()
        elif event == "job_error":
            job = self.jobs.get(info.jobid) or Job(info.rule_name)
            if self._interrupted:  # it was stopped like all others
                job.state = "waiting"
                return
            job.state, job.ended = "failed", now
            tails = ["\n".join([f"  {log}", *(f"  | {line}" for line in _tail(log))]) for log in info.log]
            headline = f"Failed: {job.name}{f': {info.rule_msg}' if info.rule_msg else ''}"
            self._failures.append((now, job, [headline, *tails]))  # logs are read now: a retry would overwrite them
        elif str(info.msg).startswith("Terminating processes on user request"):
            self._interrupted = True
            for _, job, _ in self._failures:
                job.state = "waiting"
            self._failures.clear()

    def _watch(self) -> None:
        pause = POLL_SECONDS if self._live else PLAIN_POLL_SECONDS
        while not self._stopped.wait(pause):
            began = time.monotonic()
            with self.lock:  # type: ignore[union-attr]
                if not self._stopped.is_set():
                    self._refresh(began)
            pause = max(pause, 20 * (time.monotonic() - began))  # at most 5 % of a core, even in large studies

    @giving_up_on_errors
    def _refresh(self, now: float) -> None:
        """Read the progress of running jobs and show it."""
        for job in self.jobs.values():
            if job.state == "running" and job.logs and (note := progress.read(job.logs[0])):
                job.before, job.done, job.size = note
        if self._captured:
            for line in self._captured.lines():
                self._print(line)
            self._live.update(self._table(now), refresh=True)
        self._report_failures(until=now - INTERRUPT_SECONDS)
        self._report_stages(now)

    def _report_failures(self, until: float) -> None:
        """Print the failures up to this time; recent ones wait, since a terminal's interrupt may end jobs first."""
        while self._failures and self._failures[0][0] <= until:
            _, _, texts = self._failures.pop(0)
            for text in texts:
                self._print(text)

    def _report_stages(self, now: float) -> None:
        for name, stage in self.stages.items() if not self._live else ():
            if stage.is_due(now):
                self._print(f"{name}: {', '.join(filter(None, stage.cells(now)))}")

    def _print(self, text: str) -> None:
        if self._live:
            from rich.text import Text

            self._live.console.print(Text.from_ansi(text), soft_wrap=True)
        else:
            print(time.strftime("[%H:%M:%S]"), text, file=self._default_handler.stream, flush=True)

    def _table(self, now: float) -> Any:
        """One line per stage."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table.grid(padding=(0, 2), expand=True)
        for justify in ("left", "left", "right", "right", "left"):
            table.add_column(justify=justify, no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for name, stage in self.stages.items():
            done, total = stage.amounts()
            style = {"waiting": "dim", "failed": "red"}.get(stage.state)
            bar = ProgressBar(total=total or 1, completed=done, width=16)
            table.add_row(name, bar, *stage.cells(now), style=style)
        return table

    @giving_up_on_errors
    def end(self, succeeded: bool, log: str, closing: Callable[[], str]) -> None:
        """Print how the run ended.

        Args:
            succeeded: Whether all requested files were made.
            log: Snakemake's log.
            closing: Returns the text that follows a success: results and next steps.
        """
        if self.phase != "on":
            return
        with self.lock:  # type: ignore[union-attr]
            self._refresh(time.monotonic())
            self._report_failures(until=math.inf)
            self.close()
        took, jobs = duration(time.monotonic() - self.began), self.jobs.values()
        done, failed = sum(job.state == "done" for job in jobs), [job for job in jobs if job.state == "failed"]
        if succeeded:
            text = f"Done: {done} jobs in {took}.\n{closing()}"
        elif failed:
            names = "\n".join(f"  {job.name}  {' '.join(job.logs)}" for job in failed)
            text = (
                f"{len(failed)} of {len(jobs)} jobs failed, {done} are done, after {took}:\n{names}\n"
                f"Once the cause is fixed, the same command resumes from here. Snakemake's log: {log}"
            )
        else:
            text = f"Stopped after {took}, {done} of {len(jobs)} jobs done; the same command resumes from here."
        print(f"\n{text}", file=self._default_handler.stream, flush=True)

    def give_up(self, error: Exception) -> None:
        """Turn the display off; Snakemake prints as usual from here on."""
        self.phase = "off"
        with suppress(Exception):
            self.close()
        with suppress(OSError):
            print(
                f"NOTE the progress display failed ({type(error).__name__}: {error}); the run continues",
                file=sys.stderr,
            )

    def close(self) -> None:
        """Restore the terminal. Calling it again has no effect."""
        self._stopped.set()
        self._logger.removeHandler(self)
        captured, live, self._captured, self._live = self._captured, self._live, None, None
        if live:
            with suppress(Exception):
                live.stop()
        if captured:
            captured.release()
        super().close()


class _CapturedOutput:
    """Output of jobs and Snakemake, held back so that whole lines can be printed above the stage lines.

    It goes to a file in memory rather than through a pipe, so that a job that outlives its console can still print.
    """

    def __init__(self) -> None:
        self._file = os.memfd_create("console")
        self._read, self._rest = 0, b""
        sys.stdout.flush()
        sys.stderr.flush()
        self.kept = {stream: os.dup(stream) for stream in (1, 2) if os.isatty(stream)}
        for stream in self.kept:
            os.dup2(self._file, stream)

    def lines(self) -> Iterator[str]:
        """Lines that are complete by now."""
        sys.stdout.flush()
        sys.stderr.flush()
        while text := os.pread(self._file, 1 << 20, self._read):
            self._read += len(text)
            *lines, self._rest = (self._rest + text).split(b"\n")
            for line in lines:
                yield line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")

    def release(self) -> None:
        """Stop capturing and print the remaining output."""
        rest = [*self.lines(), *([self._rest.decode(errors="replace")] if self._rest else [])]
        for stream, kept in self.kept.items():
            os.dup2(kept, stream)
            os.close(kept)
        for line in rest:
            print(line, file=sys.stderr, flush=True)


def _tail(log: str) -> list[str]:
    """The last lines of a log."""
    try:
        with open(log, "rb") as file:
            file.seek(max(Path(log).stat().st_size - 10_000, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return [error.strerror or str(error)]
    return [line for line in lines if line.strip()][-TAIL_LINES:] or ["(empty)"]


def closing_summary(results: str | Path, options: str) -> str:
    """Coverage of a finished study, where its results are, and the commands to run next.

    Args:
        results: The study's results folder.
        options: Command-line options that make Snakemake run this study.
    """
    results = Path(results)
    report, overview = results / "report.html", results / "overview.rst"
    fresh = report.exists() and overview.exists() and report.stat().st_mtime >= overview.stat().st_mtime
    command = f"{'snakemake' if shutil.which('snakemake') else '.venv/bin/snakemake'} {options}".strip()
    where = {
        "Figures": f"{results}/figures/",
        "Tables": f"{results}/tables/",
        "Report": str(report) if fresh else f"(not yet) {command} --report {report}",
        "Next": f"change the study; {command} --cores {os.cpu_count()} then draws only what is new",
    }
    lines = [*_coverage(results / "tables/coverage.csv"), "", *(f"{name:9}{text}" for name, text in where.items())]
    return "\n".join(lines)


def _coverage(table: Path) -> list[str]:
    """Coverage as a text table: one line per task and model, one column per power of ten."""
    curves: dict[tuple[str, str], dict[int, float]] = {}
    with open(table) as file:
        for row in csv.DictReader(file):
            curves.setdefault((row["task"], row["model"]), {})[int(row["k"])] = float(row["coverage"])
    ks = [k for k in (10**power for power in range(9)) if any(k in curve for curve in curves.values())]
    rows = [["Coverage", "", *(f"k={k:,}" for k in ks), "of all samples"]]
    for pair, curve in curves.items():
        cells = [f"{curve[k]:.1%}" if k in curve else "" for k in ks]
        rows.append([*pair, *cells, f"{curve[max(curve)]:.1%} (k={max(curve):,})"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = "  ".join(f"{{:{'<' if n < 2 else '>'}{width}}}" for n, width in enumerate(widths))
    return [aligned.format(*row).rstrip() for row in rows]


if __name__ == "__main__":
    import yaml

    study = sys.argv[1]
    print(f"\n{closing_summary(yaml.safe_load(Path(study).read_text())['results'], f'--configfile {study}')}")
