"""A stand-in for leanprover-community/repl: same framing, recorded messages of a real Lean, and simulated faults."""

import json
import os
import re
import socket
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
MESSAGES = json.loads((HERE / "lean_messages.json").read_text())["messages"]


def look_around():
    """Resources that this process can access."""
    seen = {"files": sorted(path.name for path in Path.home().iterdir()), "processes": 0, "written": False}
    seen["processes"] = sum(path.name.isdigit() for path in Path("/proc").iterdir())
    try:
        (HERE / "written").write_text("here")
        seen["written"] = True
    except OSError:
        pass
    seen["interfaces"] = [name for _, name in socket.if_nameindex()]
    seen["environment"] = sorted(os.environ)
    return seen


def flood():
    while True:
        print("flood" * 20000)


def fill():
    try:
        bytearray(1 << 40)
    except MemoryError:
        sys.exit("INTERNAL PANIC: out of memory")


def spin():
    while True:
        pass


FAULTS = {
    "fault_spin": spin,
    "fault_sleep": lambda: time.sleep(1000),
    "fault_die": lambda: os.abort(),
    "fault_memory": fill,
    "fault_flood": flood,
    "fault_empty": lambda: "",
    "fault_garbage": lambda: "[1,",
    "fault_no_object": lambda: "null",
    "fault_unknown": lambda: '{"message": "Unknown environment."}',
    "fault_timeout": lambda: '{"message": "Operation timed out"}',
    "fault_look": lambda: json.dumps({"message": look_around()}),
}


def answer(request, commands):
    """Answer to a request after these commands; messages on a theorem depend on the previous command."""
    command = request["cmd"]
    for fault, fault_function in FAULTS.items():
        if fault in command and "sorry" not in command:
            return fault_function()
    if request.get("env", 0) not in range(len(commands) + 1):
        return FAULTS["fault_unknown"]()
    previous = commands[request["env"]] if "env" in request else ""
    messages = MESSAGES.get(f"{previous}\n{command}", MESSAGES.get(command, []))
    fields = {"messages": messages} if messages else {}
    if re.search(r"(:=|\n) *sorry\b", command):
        fields["sorries"] = [{"proofState": 0, "goal": "⊢ 1 = 1"}]
    return json.dumps(fields | {"env": len(commands)}, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    commands = []
    for line in sys.stdin:
        if line.strip():
            request = json.loads(line)
            print(answer(request, commands), end="\n\n", flush=True)
            commands.append(request["cmd"])
