"""The engine in a process of its own, as on a GPU: it may die, and it must not outlive its job."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jobs import ENGINE, SAMPLING, wait_until

from monkeys.sampling.journal import read_entries
from monkeys.storage import read_rows

JOB = """
import json, sys
if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    sys.path.insert(0, order["scripts"])
    from monkeys.logs import logging_to
    with logging_to(order["log"]) as console:
        from monkeys.sampling import vllm
        from monkeys.sampling.shard import Shard, open_shard
        from monkeys.study.study import SourcedModel
        shard = Shard("s", 0, "t", "m", 0, order["size"], {})
        with open_shard(shard, order["prompts"], order["journal"], order["samples"], console) as progress:
            vllm.sample(progress, SourcedModel.model_validate(order["model"]), order["sampling"])
"""

HANGS = 1800
"""Seconds after which something hangs that should end, also on a busy machine."""


def processes():
    """Process ids and parents of everything that runs."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(process.name)] = int(parent)
    return found


class Job:
    """A job as the rule's script runs it."""

    def __init__(self, root, folder, prompts):
        self.folder = folder
        (folder / "job.py").write_text(JOB)
        engine = {
            **ENGINE,
            "separate_process": True,
            "trust_remote_code": False,
            "arguments": {"enable_prefix_caching": True},
        }
        model = {"weights": str(root / "resources/demo/marmoset-0.2m"), "tasks": ["t"], "engine": engine}
        self.order = {
            "scripts": str(root / "workflow/scripts"),
            "prompts": prompts,
            "size": 240,
            "model": model,
            "sampling": SAMPLING,
            **{name: str(folder / name) for name in ("log", "journal", "samples")},
        }

    def start(self):
        command = [sys.executable, str(self.folder / "job.py"), json.dumps(self.order)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def children(self):
        return [pid for pid, parent in processes().items() if parent == self.process.pid]

    def family(self):
        """Everything that the job started, however indirectly."""
        parents = processes()
        members = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in members} - members:
            members |= more
        return members - {self.process.pid}

    def requests(self):
        journal = self.folder / "journal"
        return sum("problem_id" in e for e in read_entries(journal)) if journal.exists() else 0

    def sampled(self, more):
        before = self.requests()
        wait_until(lambda: self.requests() >= before + more or self.process.poll() is not None, "sampling", HANGS)
        assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]


@pytest.fixture
def job(root, tmp_path, prompts):
    job = Job(root, tmp_path, prompts)
    yield job
    job.process.kill()


def test_a_dead_engine_is_an_error_and_a_signal_an_end_and_all_are_gone_on_from(job, tmp_path):
    job.start()
    job.sampled(10)
    os.kill(max(job.children()), signal.SIGKILL)  # the engine; started before it, a helper of multiprocessing
    _, said = job.process.communicate(timeout=HANGS)
    assert job.process.returncode == 1
    assert "the engine died" in said
    assert "run again to resume" in said
    recorded = job.requests()
    assert recorded >= 10

    # SIGTERM as Slurm sends it; an interrupt goes to the engine's process, too, and may come twice
    for number, send in ((signal.SIGTERM, os.kill), (signal.SIGINT, os.killpg)):
        recorded = job.requests()
        job.start()
        job.sampled(10)
        family = job.family()
        asked = time.monotonic()
        send(job.process.pid, number)
        time.sleep(0.05)
        send(job.process.pid, number)
        _, said = job.process.communicate(timeout=HANGS)
        assert time.monotonic() - asked < 15
        assert job.process.returncode == 128 + number
        assert f"ended by {number.name} with {job.requests() * 16} of 2400 samples of t m shard 0" in said
        assert "Traceback" not in said
        assert len(family) > 1
        wait_until(lambda family=family: not family & set(processes()), "the end of all that the job had started", 20)
        assert job.requests() >= recorded + 10

    job.start()
    _, said = job.process.communicate(timeout=HANGS)
    assert job.process.returncode == 0, said
    rows = list(read_rows(tmp_path / "samples"))
    assert len({(row["problem_id"], row["sample"]) for row in rows}) == len(rows) == 10 * 240
