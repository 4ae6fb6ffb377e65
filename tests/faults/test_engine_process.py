"""The engine in a separate process, as on a GPU: it may die, and it must not outlive its job."""

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
    arguments = json.loads(sys.argv[1])
    sys.path.insert(0, arguments["scripts"])
    from monkeys.logs import logging_to
    with logging_to(arguments["log"]) as console:
        from monkeys.sampling.engines import vllm
        from monkeys.sampling.settings import Sampling
        from monkeys.sampling.shard import Shard, open_shard
        from monkeys.sampling.strategies import iid
        from monkeys.study.study import SourcedModel
        shard = Shard("s", 0, "t", "m", 0, arguments["size"], {})
        with open_shard(shard, arguments["prompts"], arguments["journal"], arguments["samples"], console) as progress:
            model = SourcedModel.model_validate(arguments["model"])
            vllm.sample(progress, model, Sampling(**arguments["sampling"]), iid.Strategy())
"""

TIMEOUT = 1800
"""Time after which something must have ended, even on a busy machine, s."""


def processes():
    """Parents of all running processes, by process id."""
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
        self.arguments = {
            "scripts": str(root / "workflow/scripts"),
            "prompts": prompts,
            "size": 240,
            "model": model,
            "sampling": SAMPLING,
            **{name: str(folder / name) for name in ("log", "journal", "samples")},
        }

    def start(self):
        command = [sys.executable, str(self.folder / "job.py"), json.dumps(self.arguments)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def children(self):
        return [pid for pid, parent in processes().items() if parent == self.process.pid]

    def descendants(self):
        """Processes that the job started, directly or indirectly."""
        parents = processes()
        members = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in members} - members:
            members |= more
        return members - {self.process.pid}

    def num_requests(self):
        journal = self.folder / "journal"
        return sum("problem_id" in e for e in read_entries(journal)) if journal.exists() else 0

    def wait_for_requests(self, more):
        before = self.num_requests()
        wait_until(lambda: self.num_requests() >= before + more or self.process.poll() is not None, "sampling", TIMEOUT)
        assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]


@pytest.fixture
def job(root, tmp_path, prompts):
    job = Job(root, tmp_path, prompts)
    yield job
    job.process.kill()


def test_sampling_resumes_after_an_engine_crash_and_after_signals(job, tmp_path):
    job.start()
    job.wait_for_requests(10)
    os.kill(max(job.children()), signal.SIGKILL)  # the engine; a helper of multiprocessing started before it
    _, stderr = job.process.communicate(timeout=TIMEOUT)
    assert job.process.returncode == 1
    assert "the engine died" in stderr
    assert "run again to resume" in stderr
    recorded = job.num_requests()
    assert recorded >= 10

    # SIGTERM as sent by Slurm; an interrupt also reaches the engine's process, and may be sent twice
    for number, send in ((signal.SIGTERM, os.kill), (signal.SIGINT, os.killpg)):
        recorded = job.num_requests()
        job.start()
        job.wait_for_requests(10)
        descendants = job.descendants()
        signal_sent = time.monotonic()
        send(job.process.pid, number)
        time.sleep(0.05)
        send(job.process.pid, number)
        _, stderr = job.process.communicate(timeout=TIMEOUT)
        assert time.monotonic() - signal_sent < 15
        assert job.process.returncode == 128 + number
        assert f"ended by {number.name} with {job.num_requests() * 16} of 2400 samples of t m shard 0" in stderr
        assert "Traceback" not in stderr
        assert len(descendants) > 1
        wait_until(lambda started=descendants: not started & set(processes()), "the end of all the job's processes", 20)
        assert job.num_requests() >= recorded + 10

    job.start()
    _, stderr = job.process.communicate(timeout=TIMEOUT)
    assert job.process.returncode == 0, stderr
    rows = list(read_rows(tmp_path / "samples"))
    assert len({(row["problem_id"], row["sample"]) for row in rows}) == len(rows) == 10 * 240
