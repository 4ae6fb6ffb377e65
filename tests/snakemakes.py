"""Run Snakemake in forks of one process that has imported it, which saves the time of the imports.

Tests call `run`. This file is also the program of that process: it reads one order per line (JSON) from its input,
runs each in a fork, and answers with the exit status.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def run(arguments: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run Snakemake in a folder with the current environment; return its exit status and output."""
    process = _server()
    with tempfile.NamedTemporaryFile("r") as output:
        order = {"arguments": list(arguments), "folder": str(folder), "output": output.name}
        environment = {**os.environ, "TERM": "dumb", "PWD": str(folder)}
        process.stdin.write(json.dumps({**order, "environment": environment}) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        return int(answer), output.read()


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Process that has imported Snakemake; it ends with this one."""
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    atexit.register(process.stdin.close)
    return process


def serve() -> None:
    """Run orders until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for module in ("jinja2", "jsonschema", "pandas", "smart_open", "snakemake.cli", "snakemake.report"):
        __import__(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            answers.close()
            _run_order(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers)


def _run_order(order: dict) -> None:
    """Run `snakemake` in the order's folder and environment; does not return."""
    output = os.open(order["output"], os.O_WRONLY)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["snakemake", *order["arguments"]]
    from snakemake.cli import main

    status: object = 1
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else status is not None)


if __name__ == "__main__":
    serve()
