"""Jobs on an engine that is started once for all tests in this folder; see job.py."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monkeys.sampling.journal import read_entries

ENGINE = {"dtype": "float32", "enforce_eager": True, "separate_process": False, "max_num_seqs": 64, "block_size": 32}
SAMPLING = {
    # at this temperature long samples of one problem are practically never equal, unless the random state repeats
    "temperature": 1.5,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "max_tokens": 64,
    "stop": [],
    "include_stop": False,
}


def wait_until(condition, event, seconds=1800.0):
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{event} did not happen within {seconds} s"
        time.sleep(0.01)


@dataclass
class Job:
    """A sampling job in its own process."""

    folder: Path
    pid: int

    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def result(self) -> dict[str, Any]:
        """Wait for the end of the job; return what it wrote to end.json."""
        wait_until(lambda: not self.is_alive(), "the end of the job")
        return json.loads((self.folder / "end.json").read_text())

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def num_requests(self) -> int:
        """Number of finished requests in the journal."""
        journal = self.folder / "journal.jsonl"
        return sum("problem_id" in entry for entry in read_entries(journal)) if journal.exists() else 0

    def wait_for_requests(self, requests: int) -> None:
        """Wait until the journal has this number of requests."""
        wait_until(lambda: self.num_requests() >= requests or not self.is_alive(), "sampling")
        assert self.is_alive()

    def log(self) -> str:
        return (self.folder / "log").read_text()


class Engine:
    """Starts jobs on one running engine."""

    def __init__(self, root: Path, prompts: dict[str, str], log: Path) -> None:
        model = {"weights": str(root / "resources/demo/marmoset-0.2m"), "engine": {**ENGINE, "arguments": {}}}
        self.prompts = prompts
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "job.py"), json.dumps(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(log, "w"),
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n", log.read_text()

    def start(self, folder: Path, size: int = 96, sampling: dict[str, Any] | None = None, **order: Any) -> Job:
        """Start a job that draws `size` samples of each of ten problems into a folder."""
        (folder / "end.json").unlink(missing_ok=True)
        shard = {"study": "s", "study_seed": 0, "task": "t", "model": "m", "index": 0, "size": size}
        shard["model_settings"] = {"sampling": SAMPLING | (sampling or {})}
        order = {"folder": str(folder), "prompts": self.prompts, "shard": shard, **order}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Job(folder, int(self._process.stdout.readline()))

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait()
