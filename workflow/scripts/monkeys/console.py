"""What a person sees while a study runs: a line per stage, what fails, and at the end what there is to look at.

Snakemake's own talk then stands in its log alone. Where it is asked for (`--verbose`, `--printshellcmds`, `--quiet`, a
dry run, another logger), or the display itself fails, Snakemake talks as usual.
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
"""In the order in which they begin, and their rules; all others are analysis."""

LOOK_SECONDS = 0.5
CALM_LOOK_SECONDS = 5.0
"""Time between two looks at how far jobs are."""
INTERRUPT_SECONDS = 2.0
"""After this time a job that failed has not done so because of an interrupt of the whole run."""
CALM_SECONDS = 1800.0
"""After this time a stage says that it goes on, on a calm console, however little has been done."""
RATE_SECONDS = 10.0
TAIL = 5
"""Lines of a failed job's log that are shown."""

BEFORE = ("Building DAG of jobs", "Assuming unrestricted", "Using shell", "Conda environments: ignored")
EVENTS_BEFORE = ("workflow_started", "resources_info", "run_info")
SAID_BETTER = ("At least one job did not complete", "Exiting because a job execution failed")
"""What Snakemake says in other words than ours, or to nobody's use."""


@dataclass
class Job:
    """A job of the run, and how far it is."""

    rule: str
    wildcards: Mapping[str, str] = field(default_factory=dict)
    logs: Sequence[str] = ()
    per_problem: int | None = None
    """How many samples of each problem it works on; None for other jobs."""
    size: int | None = None
    """How many samples it works on, as soon as that is known."""
    state: str = "waiting"
    before: int = 0
    """Samples that an earlier run has done."""
    done: int = 0
    began: float = 0.0
    ended: float = 0.0

    @property
    def stage(self) -> str:
        """Where it belongs to."""
        for stage, rules in STAGES.items():
            if self.rule in rules:
                return stage
        return "Analysis"

    @property
    def about(self) -> str:
        """The model and task that it is about; for other jobs the rule."""
        names = [self.wildcards[key] for key in ("model", "task", "reward", "result") if key in self.wildcards]
        return " · ".join(names) or self.rule.replace("_", " ")

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return " ".join([self.rule, *self.wildcards.values()])

    def units(self, counted: bool) -> tuple[int, int]:
        """Done in this run, and left: in samples where those are counted, else in jobs."""
        if counted:
            return self.done - self.before, (self.size or 0) - self.done
        return (1, 0) if self.state == "done" else (0, 1)


def jobs_of(dag: Any, samples_per_problem: Callable[[Any], int]) -> dict[Any, Job]:
    """The jobs of Snakemake's DAG that are to run and make files, by number; a shard's size is asked by wildcards."""
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
    """The jobs of a stage."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.told: tuple[float, float] | None = None
        """When the calm console last told of it, and which share was done."""
        self._recent: deque[tuple[float, int]] = deque()

    @property
    def counted(self) -> bool:
        """Whether it is known of all jobs how many samples they work on."""
        return all(job.size is not None for job in self.jobs)

    @property
    def state(self) -> str:
        """Of all its jobs together."""
        states = {job.state for job in self.jobs}
        for state in ("running", "failed", "waiting"):
            if state in states:
                return state
        return "done"

    def amounts(self) -> tuple[int, int]:
        """Done and to do: samples where they are counted, else jobs."""
        if self.counted:
            return sum(job.done for job in self.jobs), sum(job.size or 0 for job in self.jobs)
        return sum(job.state == "done" for job in self.jobs), len(self.jobs)

    def rate(self, now: float) -> float:
        """Samples a second in the last seconds; 0 where nobody knows."""
        if not self.counted:
            return 0.0
        self._recent.append((now, self.amounts()[0]))
        while len(self._recent) > 2 and now - self._recent[1][0] >= RATE_SECONDS:
            self._recent.popleft()
        (then, before), (_, done) = self._recent[0], self._recent[-1]
        return max(done - before, 0) / (now - then) if now - then >= 1 else 0.0

    def left(self, now: float) -> float | None:
        """Seconds until its last job ends, by the pace of jobs about the same, or of all."""
        counted, spent = self.counted, defaultdict[str | None, list[float]](lambda: [0.0, 0.0])
        for job in self.jobs:
            units, _ = job.units(counted)
            for about in (job.about, None) if units > 0 else ():
                spent[about][0] += (now if job.state == "running" else job.ended) - job.began
                spent[about][1] += units
        lefts = []
        for job in self.jobs if spent else ():
            if job.state in ("waiting", "running"):
                seconds, units_done = spent[job.about if job.about in spent else None]
                lefts.append(max(job.units(counted)[1], 0) * seconds / units_done)
        running = sum(job.state == "running" for job in self.jobs)
        return max(sum(lefts) / running, *lefts) if lefts and running else None

    def words(self, now: float) -> list[str]:
        """How far it is, how fast, how long it will take or took, and what it is at."""
        (done, total), rate, state = self.amounts(), self.rate(now), self.state
        began = min((job.began for job in self.jobs if job.began), default=now)
        failed = sum(job.state == "failed" for job in self.jobs)
        when = [f"{failed} failed"] if failed else []
        if state == "running":
            left = self.left(now)
            when.append(f"for {duration(now - began)}" if left is None else f"{duration(left)} left")
        elif state == "done":
            when.append(f"took {duration(max(job.ended for job in self.jobs) - began)}")
        return [
            f"{done:,} of {total:,} {'samples' if self.counted else 'jobs'}",
            f"{rate:,.0f}/s" if rate and state == "running" else "",
            ", ".join(when),
            ", ".join(dict.fromkeys(job.about for job in self.jobs if job.state == "running")),
        ]

    def worth_telling(self, now: float) -> bool:
        """Whether a calm console tells of it: it begins or ends, has done another tenth, or has long said nothing."""
        state, (done, total) = self.state, self.amounts()
        share = 1.0 if state == "done" else min(done / (total or 1), 0.99)
        if self.told is None:
            due = state in ("running", "done")
        else:
            since, more = now - self.told[0], share - self.told[1]
            further = since >= CALM_LOOK_SECONDS and (more >= 0.1 or since >= CALM_SECONDS)
            due = more > 0 if state == "done" else state == "running" and further
        if due:
            self.told = now, share
        return due


def harmless(method: Callable[..., Any]) -> Callable[..., Any]:
    """A run never fails because of its display: that gives up instead, and Snakemake talks again."""

    @functools.wraps(method)
    def careful(self: "Screen", *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except Exception as error:
            self.give_up(error)

    return careful


class Screen(logging.Handler):
    """The console of a run; while it is on, Snakemake's own handler says nothing but warnings."""

    def __init__(self, logger: logging.Logger, settings: Any, wanted: bool) -> None:
        super().__init__()
        self.jobs: dict[Any, Job] = {}
        self.stages: dict[str, Stage] = {}
        self._logger = logger
        self._interrupted = False
        self._failures: list[tuple[float, Job, list[str]]] = []
        self._over = threading.Event()
        self._live: Any = None
        self._captured: _Captured | None = None
        handlers: list[Any] = [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]
        self._usual: Any = handlers[0] if handlers else None
        other = settings.printshellcmds or settings.verbose or settings.quiet or settings.debug_dag or settings.dryrun
        self.phase = "before" if wanted and self._usual and not other else "off"
        if self._usual:
            self._usual.addFilter(self._passes)

    def _passes(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake may say something itself."""
        event, said = getattr(record, "event", None), str(record.msg)
        if self.phase == "before":
            return event not in EVENTS_BEFORE and not said.startswith(BEFORE)
        if self.phase == "on":
            ours = event == "job_error" or getattr(record, "exception", None) == "RuleException"
            return record.levelno >= logging.WARNING and not ours and not any(part in said for part in SAID_BETTER)
        return True

    @harmless
    def start(
        self, jobs: Callable[[], Mapping[Any, Job]], problems: Callable[[str], int | None], calm: bool, title: str
    ) -> None:
        """Show a run that is about to begin.

        Args:
            jobs: Tells the jobs that are to run, by Snakemake's number.
            problems: How many problems a task has; None while nobody has counted them.
            calm: Say little, in plain lines, even on a terminal.
            title: Of what, and where, for the first line.
        """
        if self.phase == "off":
            return
        self.began, self._problems = time.monotonic(), problems
        for number, job in jobs().items():
            self._add(number, job)
        self._count_problems()
        stream = self._usual.stream
        print(f"{len(self.jobs)} jobs {title}", file=stream, flush=True)
        if not calm and stream.isatty() and os.environ.get("TERM") != "dumb":
            with suppress(ImportError):  # calm, then
                self._draw_on(stream)
        self.phase = "on"
        self._logger.addHandler(self)
        threading.Thread(target=self._watch, daemon=True).start()

    def _draw_on(self, stream: Any) -> None:
        from rich.console import Console
        from rich.live import Live

        self._captured = _Captured()
        terminal = open(os.dup(self._captured.kept[stream.fileno()]), "w")
        console = Console(file=terminal, no_color=self._usual.nocolor, highlight=False)
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._live.start()
        console.show_cursor(True)  # whatever kills this process leaves the terminal as it was
        atexit.register(self.close)

    def _add(self, number: Any, job: Job) -> None:
        self.jobs[number] = job
        self.stages.setdefault(job.stage, Stage()).jobs.append(job)
        self.stages = {stage: self.stages[stage] for stage in STAGES if stage in self.stages}

    def _count_problems(self) -> None:
        """Take in how many samples jobs work on, of tasks whose problems are known by now."""
        problems = functools.cache(self._problems)
        for job in self.jobs.values():
            if job.size is None and job.per_problem and (known := problems(job.wildcards["task"])):
                job.size = known * job.per_problem

    @harmless
    def emit(self, record: logging.LogRecord) -> None:
        """Follow what Snakemake says of its jobs."""
        said: Any = record
        event, now = getattr(said, "event", None), time.monotonic()
        if event == "job_info":
            if said.jobid not in self.jobs and said.output:  # as behind a checkpoint
                self._add(said.jobid, Job(said.rule_name, dict(said.wildcards), list(said.log)))
            if job := self.jobs.get(said.jobid):
                job.state, job.began, job.before = "running", now, job.done
                for log in job.logs[:1]:
                    progress.forget(log)
        elif event == "job_finished" and (job := self.jobs.get(said.job_id)):
            job.state, job.ended, job.done = "done", now, job.size or 0
            if job.stage == "Problems":
                self._count_problems()
        elif event == "job_error":
            job = self.jobs.get(said.jobid) or Job(said.rule_name)
            if self._interrupted:  # it was stopped with all others
                job.state = "waiting"
                return
            job.state, job.ended = "failed", now
            ends = ["\n".join([f"  {log}", *(f"  | {line}" for line in _tail(log))]) for log in said.log]
            what = f"Failed: {job.name}{f': {said.rule_msg}' if said.rule_msg else ''}"
            self._failures.append((now, job, [what, *ends]))  # read now: a job that is repeated begins its log anew
        elif str(said.msg).startswith("Terminating processes on user request"):
            self._interrupted = True
            for _, job, _ in self._failures:
                job.state = "waiting"
            self._failures.clear()

    def _watch(self) -> None:
        pause = LOOK_SECONDS if self._live else CALM_LOOK_SECONDS
        while not self._over.wait(pause):
            began = time.monotonic()
            with self.lock:  # type: ignore[union-attr]
                if not self._over.is_set():
                    self._look(began)
            pause = max(pause, 20 * (time.monotonic() - began))  # however large the study, a twentieth of a core

    @harmless
    def _look(self, now: float) -> None:
        """Read how far running jobs are, and show it."""
        for job in self.jobs.values():
            if job.state == "running" and job.logs and (note := progress.read(job.logs[0])):
                job.before, job.done, job.size = note
        if self._captured:
            for line in self._captured.lines():
                self._say(line)
            self._live.update(self._lines(now), refresh=True)
        self._tell_failures(until=now - INTERRUPT_SECONDS)
        self._tell(now)

    def _tell_failures(self, until: float) -> None:
        """Say what has failed by then: a moment later, because an interrupt from a terminal may end jobs first."""
        while self._failures and self._failures[0][0] <= until:
            _, _, texts = self._failures.pop(0)
            for text in texts:
                self._say(text)

    def _tell(self, now: float) -> None:
        for name, stage in self.stages.items() if not self._live else ():
            if stage.worth_telling(now):
                self._say(f"{name}: {', '.join(filter(None, stage.words(now)))}")

    def _say(self, text: str) -> None:
        if self._live:
            from rich.text import Text

            self._live.console.print(Text.from_ansi(text), soft_wrap=True)
        else:
            print(time.strftime("[%H:%M:%S]"), text, file=self._usual.stream, flush=True)

    def _lines(self, now: float) -> Any:
        """A line for every stage."""
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
            table.add_row(name, bar, *stage.words(now), style=style)
        return table

    @harmless
    def end(self, succeeded: bool, log: str, closing: Callable[[], str]) -> None:
        """Say how the run ended.

        Args:
            succeeded: Whether all that was asked for is there.
            log: Snakemake's own.
            closing: Tells what there is to look at after a success.
        """
        if self.phase != "on":
            return
        with self.lock:  # type: ignore[union-attr]
            self._look(time.monotonic())
            self._tell_failures(until=math.inf)
            self.close()
        took, jobs = duration(time.monotonic() - self.began), self.jobs.values()
        done, failed = sum(job.state == "done" for job in jobs), [job for job in jobs if job.state == "failed"]
        if succeeded:
            text = f"Done: {done} jobs in {took}.\n{closing()}"
        elif failed:
            names = "\n".join(f"  {job.name}  {' '.join(job.logs)}" for job in failed)
            text = (
                f"{len(failed)} of {len(jobs)} jobs failed, {done} are done, after {took}:\n{names}\n"
                f"When the cause is mended, the same command goes on from here. Snakemake's log: {log}"
            )
        else:
            text = f"Stopped after {took}, {done} of {len(jobs)} jobs done; the same command goes on from here."
        print(f"\n{text}", file=self._usual.stream, flush=True)

    def give_up(self, error: Exception) -> None:
        """Leave the console to Snakemake."""
        self.phase = "off"
        with suppress(Exception):
            self.close()
        with suppress(OSError):
            print(f"NOTE no display of progress ({type(error).__name__}: {error}); the run goes on", file=sys.stderr)

    def close(self) -> None:
        """Leave the terminal as it was; more than once does no harm."""
        self._over.set()
        self._logger.removeHandler(self)
        captured, live, self._captured, self._live = self._captured, self._live, None, None
        if live:
            with suppress(Exception):
                live.stop()
        if captured:
            captured.release()
        super().close()


class _Captured:
    """What jobs and Snakemake print, held back so that it can stand above the lines, none torn.

    It goes to a file in memory, not through a pipe: a job that outlives its console can still print.
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
        """The lines that are complete by now."""
        sys.stdout.flush()
        sys.stderr.flush()
        while text := os.pread(self._file, 1 << 20, self._read):
            self._read += len(text)
            *lines, self._rest = (self._rest + text).split(b"\n")
            for line in lines:
                yield line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")

    def release(self) -> None:
        """Print what is left, and from now on everything again."""
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
    return [line for line in lines if line.strip()][-TAIL:] or ["(empty)"]


def closing(results: str | Path, options: str) -> str:
    """What there is to look at in a finished study, and what to type next.

    Args:
        results: The study's folder.
        options: How Snakemake is told of the study.
    """
    results = Path(results)
    report, overview = results / "report.html", results / "overview.rst"
    fresh = report.exists() and overview.exists() and report.stat().st_mtime >= overview.stat().st_mtime
    command = f"{'snakemake' if shutil.which('snakemake') else '.venv/bin/snakemake'} {options}".strip()
    where = {
        "Figures": f"{results}/figures/",
        "Tables": f"{results}/tables/",
        "Report": str(report) if fresh else f"(not yet) {command} --report {report}",
        "Next": f"change the study, and {command} --cores {os.cpu_count()} draws only what is new",
    }
    lines = [*_coverage(results / "tables/coverage.csv"), "", *(f"{name:9}{text}" for name, text in where.items())]
    return "\n".join(lines)


def _coverage(table: Path) -> list[str]:
    """The table of coverage: a line for every task and model, a column for every power of ten."""
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
    print(f"\n{closing(yaml.safe_load(Path(study).read_text())['results'], f'--configfile {study}')}")
