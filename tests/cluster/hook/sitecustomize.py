"""In the Python of every job of a test: one that has recorded samples stands still, if the test has asked for it.

The test puts a file named `{task}.{model}.{shard}` into the folder STAND_STILL, and finds it renamed to `….standing`,
with the process's id in it, when the job stands. A signal ends the job; SIGCONT has it go on.
"""

import os
import signal
from pathlib import Path

FOLDER = os.environ.get("STAND_STILL")


def stand_still(journal):
    """Stand still if that is asked of the shard of this journal."""
    order = Path(FOLDER, ".".join(journal.with_suffix("").parts[-3:]))
    if order.exists():
        order.write_text(str(os.getpid()))
        order.rename(f"{order}.standing")
        os.kill(os.getpid(), signal.SIGSTOP)


def write(file, data, _write=os.write):
    written = _write(file, data)
    if b'"samples"' in data:
        path = Path(f"/proc/self/fd/{file}").readlink()
        if ".journal" in path.parts and path.suffix == ".jsonl":
            stand_still(path)
    return written


if FOLDER:
    os.write = write
