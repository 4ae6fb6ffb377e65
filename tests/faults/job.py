"""Sampling jobs without Snakemake around them, for tests that break them: `python job.py` reads orders from its input.

Starting the engine takes ten times as long as a job. So it is started once, in this process, and every order (a line of
JSON: `shard`, `prompts`, `folder`, and perhaps `lease_seconds` or `disk_kb`) is carried out by a fork of it, which
draws one shard as the rule's script does. The fork's process id is the answer; when it ends by itself, it leaves
`end.json` in the folder.
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
    """Start the engine of the model that the first argument tells (JSON), and serve orders until the input ends."""
    os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}
    os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from vllm import LLM

    from monkeys.sampling import engine_arguments

    model = json.loads(sys.argv[1])
    llm = LLM(
        model["weights"],
        generation_config="vllm",
        disable_log_stats=True,
        **engine_arguments.llm_arguments(model["engine"]),
    )
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks that end leave no zombies
    print("ready", file=answers)
    for line in sys.stdin:
        order = json.loads(line)
        fork = os.fork()
        if fork == 0:
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            end = (fill_up if "disk_kb" in order else carry_out)(llm, order)
            Path(order["folder"], "end.json").write_text(json.dumps(end))
            os._exit(0)
        print(fork, file=answers)


def carry_out(llm, order: dict) -> dict:
    """Draw one shard; returns the exit status and the most memory that was in use at once, beyond that at the start."""
    from vllm.utils.torch_utils import set_random_seed

    from monkeys.logs import logging_to
    from monkeys.sampling import journal, vllm
    from monkeys.sampling.shard import Shard, open_shard
    from monkeys.sampling.tokens import encode_prompts

    journal.LEASE_SECONDS = order.get("lease_seconds", journal.LEASE_SECONDS)
    folder, shard = Path(order["folder"]), Shard(**order["shard"])
    settings = shard.model_settings["sampling"]
    seen = [in_use()]
    threading.Thread(target=watch, args=(seen,), daemon=True).start()
    try:
        with (
            logging_to(folder / "log"),
            open_shard(shard, order["prompts"], folder / "journal.jsonl", folder / "samples.parquet") as progress,
        ):
            seed = shard.engine_seed(progress.num_samples)
            set_random_seed(seed)
            prompts = encode_prompts(llm.get_tokenizer(), progress.prompts, None, "m")
            progress.begin({"engine": "vllm", "seed": seed})
            vllm.run(llm, progress, prompts, settings)
    except SystemExit as end:
        return {"status": end.code}
    mb, blocks = (max(column) - column[0] for column in zip(*seen, strict=True))
    return {"status": 0, "mb": mb, "blocks": blocks}


def watch(seen: list[tuple[float, int]]) -> None:
    """Note the memory over and over."""
    while True:
        seen.append(in_use())
        time.sleep(0.005)


def in_use() -> tuple[float, int]:
    """MiB from malloc, and blocks of Python's own memory; a process's size would count free memory, too."""
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = MallocInfo
    info = libc.mallinfo2()
    return (info.uordblks + info.hblkhd) / 2**20, sys.getallocatedblocks()


class MallocInfo(ctypes.Structure):
    """What glibc says of its memory, in bytes: `uordblks` and, in maps of their own, `hblkhd` are in use."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = [(name, ctypes.c_size_t) for name in _names]


def fill_up(llm, order: dict) -> dict:
    """Draw one shard on a disk of `disk_kb`, in a mount namespace of its own, then again with more room.

    What lay on the disk when it was full stays in the folder as `full/`, what lies there at the end as `end/`.
    """
    user, group = os.getuid(), os.getgid()
    new_mounts, new_users = 0x20000, 0x10000000
    assert ctypes.CDLL(None, use_errno=True).unshare(new_mounts | new_users) == 0, os.strerror(ctypes.get_errno())
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    folder = Path(order["folder"])
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={order['disk_kb']}k", "tmpfs", disk], check=True)
    full = in_fork(carry_out, llm, {**order, "folder": str(disk)})
    shutil.copytree(disk, folder / "full")
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    again = in_fork(carry_out, llm, {**order, "folder": str(disk)})
    shutil.copytree(disk, folder / "end")
    return {"full": full["status"], "status": again["status"]}


def in_fork(function, *arguments):
    """The function's result, computed by a fork, so that the engine stays as it is here."""
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
