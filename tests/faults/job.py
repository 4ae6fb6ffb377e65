"""Sampling jobs without Snakemake, for tests that break them: `python job.py` reads orders from standard input.

Starting the engine takes ten times as long as a job. So this process starts it once, and forks for every order (a line
of JSON: `shard`, `prompts`, `folder` and optionally `lease_seconds` or `disk_kb`). A fork draws one shard as the rule's
script does. The answer to an order is the fork's process id; a fork that is not killed writes `end.json` to the folder.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))


def main() -> None:
    """Start the engine of the model given as first argument (JSON), and serve orders until the input ends."""
    os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}
    os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from vllm import LLM

    from monkeys.sampling.engines import arguments
    from monkeys.study.model import Engine

    model = json.loads(sys.argv[1])
    llm = LLM(
        model["weights"],
        generation_config="vllm",
        disable_log_stats=True,
        **arguments.llm_arguments(Engine(**model["engine"])),
    )
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # finished forks leave no zombies
    print("ready", file=answers)
    for line in sys.stdin:
        order = json.loads(line)
        fork = os.fork()
        if fork == 0:
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            end = (sample_on_full_disk if "disk_kb" in order else sample_shard)(llm, order)
            Path(order["folder"], "end.json").write_text(json.dumps(end))
            os._exit(0)
        print(fork, file=answers)


def sample_shard(llm, order: dict) -> dict:
    """Draw one shard; return the exit status and the peak memory in use beyond that at the start."""
    from vllm.utils.torch_utils import set_random_seed

    from monkeys.logs import logging_to
    from monkeys.sampling import journal, signals
    from monkeys.sampling.engines import vllm
    from monkeys.sampling.loop import draw
    from monkeys.sampling.settings import Sampling
    from monkeys.sampling.shard import Shard, open_shard
    from monkeys.sampling.strategies import iid
    from monkeys.sampling.tokens import PromptEncoder

    journal.LEASE_SECONDS = order.get("lease_seconds", journal.LEASE_SECONDS)
    folder, shard = Path(order["folder"]), Shard(**order["shard"])
    settings = Sampling(**shard.model_settings["sampling"], logprobs=True)
    seen = [memory_in_use()]
    threading.Thread(target=record_memory, args=(seen,), daemon=True).start()
    try:
        with (
            logging_to(folder / "log"),
            open_shard(shard, order["prompts"], folder / "journal.jsonl", folder / "samples.parquet") as progress,
        ):
            seed = shard.engine_seed(progress.num_samples)
            set_random_seed(seed)
            progress.begin({"engine": "vllm", "seed": seed})
            engine = vllm.Engine(llm, PromptEncoder(llm.get_tokenizer(), None, "m"))
            signals.run(draw(progress, engine, iid.Strategy(), settings))
    except SystemExit as end:
        return {"status": end.code}
    mb, blocks = (max(column) - column[0] for column in zip(*seen, strict=True))
    return {"status": 0, "mb": mb, "blocks": blocks}


def record_memory(seen: list[tuple[float, int]]) -> None:
    """Record the memory in use periodically."""
    while True:
        seen.append(memory_in_use())
        time.sleep(0.005)


def memory_in_use() -> tuple[float, int]:
    """MiB allocated by malloc, and blocks of Python's allocator; the process size would include free memory."""
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = MallocInfo
    info = libc.mallinfo2()
    return (info.uordblks + info.hblkhd) / 2**20, sys.getallocatedblocks()


class MallocInfo(ctypes.Structure):
    """Memory statistics of glibc, in bytes; in use are `uordblks` and, memory-mapped, `hblkhd`."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = [(name, ctypes.c_size_t) for name in _names]


def sample_on_full_disk(llm, order: dict) -> dict:
    """Draw one shard on a disk of `disk_kb` in a separate mount namespace, then again with more space.

    The content of the full disk is copied to `full/` in the folder, that at the end to `end/`.
    """
    user, group = os.getuid(), os.getgid()
    CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
    assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0, os.strerror(ctypes.get_errno())
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    folder = Path(order["folder"])
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={order['disk_kb']}k", "tmpfs", disk], check=True)
    full = run_in_fork(sample_shard, llm, {**order, "folder": str(disk)})
    shutil.copytree(disk, folder / "full")
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    retried = run_in_fork(sample_shard, llm, {**order, "folder": str(disk)})
    shutil.copytree(disk, folder / "end")
    return {"full": full["status"], "status": retried["status"]}


def run_in_fork(function, *arguments):
    """Result of the function, computed in a fork so that the engine of this process is unchanged."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, json.dumps(function(*arguments)).encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    with open(reader, "rb") as pipe:
        return json.loads(pipe.read())


if __name__ == "__main__":
    main()
