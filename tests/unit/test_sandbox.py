import os
import re
import resource
import secrets
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from monkeys.verification.code import uncertain_verdict
from monkeys.verification.sandbox import Limits, Sandbox, SandboxError, canaries, ladder, system_calls
from monkeys.verification.sandbox.sandbox import HERE, SERVER_FILES, IsolationLevel
from monkeys.verification.workers import WorkerDied

LEVELS = {
    "bubblewrap": IsolationLevel(bubblewrap=True, namespaces=True, network=True),
    "bubblewrap, the machine's network": IsolationLevel(bubblewrap=True, namespaces=True, network=False),
    "namespaces": IsolationLevel(bubblewrap=False, namespaces=True, network=True),
    "namespaces, the machine's network": IsolationLevel(bubblewrap=False, namespaces=True, network=False),
    "Landlock and seccomp alone": IsolationLevel(bubblewrap=False, namespaces=False, network=False),
}

EVERY_LEVEL = [
    pytest.param(name, marks=pytest.mark.needs("bubblewrap") if level.bubblewrap else ())
    for name, level in LEVELS.items()
]


@pytest.fixture(scope="module", params=EVERY_LEVEL)
def box(request):
    """A sandbox at each isolation level, as on machines that allow more or less."""
    box = Sandbox(LEVELS[request.param], Limits(cpu_seconds=0.4, memory_mb=256))
    yield box
    box.close()


def run(box, program, given=""):
    box.load([given.encode()])
    return box.run(program, 0)


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("print(int(input()) + 1)", "finished"),
        ("import sys; sys.exit(0)", "finished"),
        ("import sys; sys.exit()", "finished"),
        ("import threading\nt = threading.Thread(target=print, args=(1,))\nt.start()\nt.join()", "finished"),
        ("import time; time.sleep(1.5)", "finished"),
        ("print(10**5000)", "finished"),
        ("print(", "syntax_error"),
        ("a\0b", "syntax_error"),
        ("(" * 10_000, "syntax_error"),
        ("x = " + "-" * 100_000 + "1", "syntax_error"),
        ("1 / 0", "runtime_error"),
        ("raise SyntaxError", "runtime_error"),
        ("import sys; sys.exit(3)", "runtime_error"),
        ("import os; os._exit(7)", "runtime_error"),
        ("import os; os._exit(255)", "runtime_error"),
        ("import os; os.abort()", "runtime_error"),
        ("import numpy", "runtime_error"),
        ("def f(): f()\nf()", "runtime_error"),
        ("assert False", "failed_assertion"),
        ("while True: pass", "timeout"),
        ("x = [0] * 10**9", "memory_limit"),
        ("while True: print('x' * 10**6)", "output_limit"),
    ],
)
def test_the_status_of_a_run_is_that_of_its_program(box, program, status):
    assert run(box, program, "41\n").status == status


def test_standard_streams_belong_to_the_program(box):
    assert run(box, "import sys\nprint(sys.stdin.read(), end='')", "two\nlines\n").output == b"two\nlines\n"
    assert run(box, "import sys\nprint(repr(sys.stdin.read()), end='')", "a\r\nb\r").output == rb"'a\r\nb\r'"
    assert run(box, "print('ü', 'á')").output == "ü á\n".encode()
    assert run(box, "import sys\nprint('x', file=sys.stderr)").output == b""
    assert run(box, "import os\nprint(os.read(0, os.fstat(0).st_size))", "raw").output == b"b'raw'\n"


@pytest.mark.parametrize(
    "program",
    [
        "import threading\nthreading.Thread(target=lambda: print('done')).start()",
        "import atexit\natexit.register(lambda: print('done'))",
        "import io, sys\nout = sys.stdout = open(1, 'w')\nprint('done')",
        "import sys\nsys.stdout.write('done\\n')\nsys.exit()",
        "if __name__ == '__main__': print('done')",
        "import sys\nwith sys.stdout as out: print('done', file=out)",
        "print('done')\nexit()",
        "print('done')\nquit(0)",
        "import io, os\nclass Late(io.IOBase):\n    def flush(self): os.write(1, b'done\\n')\nlate = Late()",
        "import sys\nhere = 'done'\nprint(sys.modules['__main__'].here)",
        "import os.path, sys\nprint('done' if os.path.basename(__file__) == sys.argv[0] else 'elsewhere')",
        "\ufeffprint('done')",
        "__builtins__.print('done')",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: str = 'done'\nprint(A().x)",
    ],
)
def test_a_program_behaves_as_in_its_own_interpreter(box, program):
    ended = run(box, program)
    assert (ended.status, ended.output) == ("finished", b"done\n")


def test_runs_do_not_share_state(box):
    run(box, "import builtins, math\nbuiltins.leak = math.leak = 1")
    ended = run(box, "import builtins, math\nprint(hasattr(builtins, 'leak'), hasattr(math, 'leak'))")
    assert ended.output == b"False False\n"


def test_modules_of_the_projects_environment_cannot_be_imported(box):
    for module in ("numpy", "pyarrow", "monkeys", "site", "frames", "isolation"):
        found = run(box, f"import importlib.util\nprint(importlib.util.find_spec({module!r}))").output
        assert found == b"None\n" or module in ("site", "frames", "isolation")


def test_memory_contains_no_input_source_or_output_of_earlier_runs(box):
    """The run's own mark must be found, which proves that the scan covers every page near its heap."""
    own, *others = marks = [secrets.token_bytes(16) for _ in range(4)]
    given, source, printed = (mark.hex() for mark in others)
    assert run(box, f"# {source}\nprint(input(), {printed!r})", given).output == f"{given} {printed}\n".encode()
    halves = [(mark.hex()[:16].encode(), mark.hex()[16:].encode()) for mark in marks]  # never whole in our own source
    found = run(box, f"{SCAN}own = bytes.fromhex({own.hex()!r}[:]).hex()\nlook_for({halves})").output
    assert set(found.split()) == {own.hex().encode()}


SCAN = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.sbrk.restype = ctypes.c_void_p
ours, theirs = os.pipe()
def pages():  # an unmapped page makes write fail instead of crashing
    heap = libc.sbrk(0)
    for start, end in ((heap - (64 << 20), heap), (id(os) - (64 << 20), id(os) + (64 << 20))):
        for page in range(start & -4096, end, 4096):
            if libc.write(theirs, ctypes.c_void_p(page), 4096) == 4096:
                yield os.read(ours, 4096)
def look_for(halves):
    for page in pages():
        for first, second in halves:
            at = page.find(first)
            while at >= 0:
                if page[at + len(first) : at + 2 * len(first)] == second:
                    print((first + second).decode())
                at = page.find(first, at + 1)
"""


def test_a_run_may_start_many_threads_but_not_unlimited_ones(box):
    one_after_the_other = """
import threading
for _ in range({}):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
"""
    assert run(box, one_after_the_other.format(200)).status == "finished"
    assert run(box, one_after_the_other.format(300)).status == "runtime_error"
    assert run(box, one_after_the_other.format(200)).status == "finished"


def test_a_recursive_program_gets_the_stack_it_requests(box):
    program = """
import resource, sys, threading
resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
sys.setrecursionlimit(10**6)
threading.stack_size(64 << 20)
def depth(n): return n and 1 + depth(n - 1)
thread = threading.Thread(target=lambda: print(depth(20000)))
thread.start()
thread.join()
"""
    assert run(box, program).output == b"20000\n"


def test_no_capability_is_left_at_any_isolation_level(box):
    subprocess_ids = processes(f" {box.label} ")
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in subprocess_ids]
    servers = [status for status in statuses if "Seccomp:\t2" in status]
    assert len(servers) == 1
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert f"{kind}:\t{0:016x}" in servers[0]


def test_system_calls_missing_from_the_tables_do_not_exist(box):
    """Including those recently added to the kernel."""
    known = {number for table in ALL_TABLES for numbers in table.values() for number in numbers}
    never_filtered = {
        335,
        336,
    }  # uretprobe and uprobe: exempt in the kernel, and usable only from its own breakpoints
    others = sorted(set(range(600)) - known - never_filtered)
    program = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in {others}:
    if libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 38:
        print(number, ctypes.get_errno())
print("tried", len({others}))
"""
    assert run(box, program).output == f"tried {len(others)}\n".encode()


ALL_TABLES = (*system_calls.ALLOWED.values(), system_calls.SERVER_ONLY, system_calls.ARGUMENT_CHECKED)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_system_call_filters_decide_alike_on_both_architectures(machine, monkeypatch):
    """Including the one that the tests do not run on: filters are interpreted here as in the kernel."""
    monkeypatch.setattr(system_calls.platform, "machine", lambda: machine)
    server_filter, run_filter = system_calls.filters(notify=True)
    assert max(len(server_filter), len(run_filter)) <= 8 * 4096  # the kernel's maximum
    kind, column = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}[machine]

    def decision(filter, call, *arguments, kind=kind):
        number = system_calls.call_numbers(machine)[call] if isinstance(call, str) else call
        return interpret_filter(filter, struct.pack("<IIQ6Q", number, kind, 0, *arguments, *[0] * (6 - len(arguments))))

    for table in ALL_TABLES:
        for call in [call for call, numbers in table.items() if numbers[column] is not None]:
            if table is not system_calls.ARGUMENT_CHECKED:
                assert decision(server_filter, call) == "allow", call
                assert decision(run_filter, call) == ("refuse" if table is system_calls.SERVER_ONLY else "allow"), call
    numbers = {numbers[column] for table in ALL_TABLES for numbers in table.values()}
    for number in {*range(1000), 1 << 30, (1 << 30) + 57} - numbers:
        assert decision(server_filter, number) == "unknown", number
    assert decision(server_filter, "read", kind=0x40000003) == "kill"
    fork, thread, namespace = 0x01200011, 0x003D0F00, 0x10000000
    assert [decision(server_filter, "clone", flags) for flags in (fork, thread)] == ["allow", "notify"]
    assert [decision(run_filter, "clone", flags) for flags in (fork, thread)] == ["refuse", "allow"]
    assert {decision(server_filter, "clone", flags | namespace) for flags in (fork, thread)} == {"refuse"}
    assert decision(server_filter, "openat", 0, 0, os.O_RDONLY | os.O_CLOEXEC) == "allow"
    for flag in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_APPEND, os.O_TMPFILE | os.O_RDWR):
        assert decision(server_filter, "openat", 0, 0, flag) == "refuse"
    cpu, stack = resource.RLIMIT_CPU, resource.RLIMIT_STACK
    assert [decision(run_filter, "prlimit64", 0, cpu, new) for new in (0, 1, 1 << 40)] == ["allow", "refuse", "refuse"]
    assert decision(run_filter, "prlimit64", 0, stack, 1) == "allow"
    assert decision(server_filter, "prlimit64", 1, stack, 1) == "refuse"
    assert [decision(server_filter, "fcntl", 0, command) for command in (1, 2, 4, 8, 10, 15)] == ["allow"] * 2 + [
        "refuse"
    ] * 4
    assert [decision(run_filter, "prctl", option) for option in (15, 1, 22)] == ["allow", "refuse", "refuse"]


def interpret_filter(instructions, call):
    """Decision of a filter about a call."""
    rules = list(struct.iter_unpack("HBBI", instructions))
    position = loaded = 0
    while True:
        opcode, jump_true, jump_false, value = rules[position]
        position += 1
        if opcode == 0x20:
            (loaded,) = struct.unpack_from("<I", call, value)
        elif opcode == 0x06:
            return {
                0x7FFF: "allow",
                0x5: {1: "refuse", 38: "unknown"}.get(value & 0xFFFF),
                0x8000: "kill",
                0x7FC0: "notify",
            }[value >> 16]
        elif opcode == 0x05:
            position += value
        else:
            holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: loaded & value}[opcode]
            position += jump_true if holds else jump_false


def test_limits_that_the_machine_refuses_are_an_error_and_not_a_verdict(root):
    program = """
import resource
from monkeys.verification.sandbox import Limits
from monkeys.verification.sandbox.sandbox import IsolationLevel, Sandbox
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
box = Sandbox(IsolationLevel(bubblewrap=False, namespaces=True, network=True), Limits(memory_mb=4096))
box.load([b""])
print(box.run("print(1)", 0))
"""
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow/scripts")}
    completed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert re.search("SandboxError: a run could not be confined: .*limit", completed.stderr)


@pytest.mark.parametrize(
    "attack",
    [
        "import socket; socket.create_connection(('127.0.0.1', 80))",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import os; os.fork()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.setsid()",
        "import os; os.kill(os.getppid(), 9)",
        "open('/tmp/attack', 'w')",
        "import os; os.open('/tmp', os.O_TMPFILE | os.O_RDWR)",
        "import os; os.remove('/tmp/none')",
        "import os; os.mkdir('/tmp/attack.d')",
        "import os; os.rename('/tmp/none', '/tmp/attack')",
        "import os; os.symlink('/', '/tmp/attack')",
        "import os; os.truncate('/tmp/none', 0)",
        "import os; os.chmod('/tmp', 0o777)",
        "import os; os.memfd_create('hidden memory')",
        "import os; os.write(0, b'x')",  # the input
        "import os; os.ftruncate(0, 0)",
        "import os; os.write(3, b'x')",  # the server's own pipes
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (99, 99))",
        "import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
        "import os; os.listdir('/')",
        "import os; os.listdir(os.path.expanduser('~'))",
        "open('/etc/passwd')",
        "open('/proc/self/status')",
    ],
)
def test_attacks_are_refused_by_the_kernel(box, attack):
    """Refusals: EPERM, EACCES, EBADF, ENOSYS, a limit that cannot be raised and, in bubblewrap, a missing file."""
    ended = run(
        box,
        f"""
try:
    {attack.replace("; ", chr(10) + "    ")}
    print("succeeded")
except (PermissionError, FileNotFoundError): print("refused")
except ValueError: print("refused")
except OSError as error: print("refused" if error.errno in (9, 38) else error)
""",
        "some input",
    )
    assert ended.output == b"refused\n"


def test_every_canary_is_prevented_at_every_isolation_level(box):
    prevented = canaries.try_all(box)
    assert len(prevented) == 21
    assert [attack for attack, is_prevented in prevented.items() if not is_prevented] == []


def test_canaries_detect_a_sandbox_without_isolation(tmp_path, monkeypatch):
    """The same server without isolation but with its limits: without those, the canaries would be real bombs."""
    for file in SERVER_FILES:
        copy = tmp_path / file.relative_to(HERE.parent)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(file, copy)
    for module, *names in (
        ("isolation", "enter_namespaces", "drop_privileges", "restrict_files"),
        ("system_calls", "filters"),
    ):
        with open(tmp_path / f"sandbox/{module}.py", "a") as source:
            source.writelines(f"\ndef {name}(*args, **kwargs): return None\n" for name in names)

    def command(self, label):
        return [sys.executable, "-I", "-S", str(tmp_path / "sandbox/server.py"), "none", label]

    monkeypatch.setattr(IsolationLevel, "command", command)
    box = Sandbox(LEVELS["namespaces"], canaries.LIMITS)
    not_prevented = {attack for attack, prevented in canaries.try_all(box).items() if not prevented}
    subprocess.run(["pkill", "-KILL", "-f", box.label], check=False)
    box.close()
    assert not_prevented >= {
        "reading the users files",
        "writing files",
        "filling the disk",
        "network of this machine",
        "new processes",
        "survivors",
        "killing the server",
        "signals by other calls",
        "changing what is said of files",
        "leaving something for the next run",
        "reaching the machine",
        "threads without end",
        "ending as an error of the machine",
        "seeing other processes",
        "memory beyond the limit",
    }


AT_EVERY_LEVEL = """
import json
from monkeys.verification.sandbox import canaries, ladder
from monkeys.verification.sandbox.sandbox import Sandbox
for level in ladder.isolation_levels():
    box = Sandbox(level, canaries.LIMITS)
    print(json.dumps([attack for attack, prevented in canaries.try_all(box).items() if not prevented]))
    box.close()
"""


def test_an_ordinary_user_gets_the_same_guarantees(root):
    """Run as `nobody` if we are root, with an interpreter that every user may run."""
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        home = Path(folder)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / "workflow/scripts/monkeys", home / "monkeys", ignore=ignored)
        for path in (home, *home.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
            if user:
                os.chown(path, 65534, 65534)
        python = "/usr/bin/python3" if user else sys.executable
        environment = {"HOME": folder, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        completed = subprocess.run(
            [python, "-c", AT_EVERY_LEVEL], cwd=home, env=environment, capture_output=True, text=True, **user
        )
        assert completed.returncode == 0, completed.stderr
        assert completed.stdout.splitlines() == ["[]"] * len(ladder.isolation_levels())


@pytest.mark.slow
def test_a_timeout_is_certain_only_beyond_twice_the_cpu_limit():
    """In between, system load may have slowed the run down: the caller reruns it alone."""
    box = Sandbox(LEVELS["namespaces"], Limits(cpu_seconds=0.5, memory_mb=256))
    spin = "import time\nwhile time.process_time() < {}: pass\nprint('done')"
    quick, slow, endless = (run(box, spin.format(seconds)) for seconds in (0.1, 0.7, 100))
    box.close()
    assert (quick.status, quick.certain) == ("finished", True)
    assert (slow.status, slow.certain) == ("timeout", False)
    assert (endless.status, endless.certain) == ("timeout", True)
    assert 0.1 <= quick.cpu_seconds < 0.5 < slow.cpu_seconds < 1 < endless.cpu_seconds < 3


@pytest.mark.slow
@pytest.mark.parametrize("nap", ["time.sleep(1000)", "for _ in range(10**6): time.sleep(0.1)"])
def test_a_sleeping_program_is_a_certain_timeout(nap):
    """Also on a busy machine: otherwise thousands of them would be judged again, one at a time."""
    box = Sandbox(LEVELS["namespaces"], Limits())
    ended = run(box, f"import time\n{nap}")
    after = run(box, "import time\ntime.sleep(0.1)")
    box.close()
    assert (ended.status, ended.certain) == ("timeout", True)
    assert (after.status, after.certain) == ("finished", True)


@pytest.mark.slow
def test_a_program_starved_of_cpu_is_not_mistaken_for_a_sleeping_one():
    """It gets a few hundredths of a core, for longer than a sleeper would be tolerated; load may leave it less."""
    box = Sandbox(LEVELS["namespaces"], Limits(cpu_seconds=5))
    one = str(min(os.sched_getaffinity(0)))
    for pid in processes(f" {box.label} "):
        subprocess.run(["taskset", "--pid", "--cpu-list", one, pid], check=True, capture_output=True)
    loop = ["taskset", "--cpu-list", one, "sh", "-c", "while :; do :; done"]
    # each in its own session: a kernel that schedules by session would count 30 in one session as one
    others = [subprocess.Popen(loop, start_new_session=True) for _ in range(30)]
    try:
        ended = run(box, "import time\nwhile time.process_time() < 0.3: pass\nprint('done')")
    finally:
        for other in others:
            other.kill()
            other.wait()
        box.close()
    assert ended.output == b"done\n" or not ended.certain


@pytest.mark.slow
def test_ignoring_the_cpu_limit_signal_does_not_prevent_a_timeout(box):
    ended = run(box, "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass")
    assert ended.status == "timeout"


def test_a_dead_server_is_restarted(box):
    subprocess.run(["pkill", "-KILL", "-f", f" {box.label} "], check=True)
    assert run(box, "print(input())", "1").output == b"1\n"


def test_a_run_killed_from_outside_is_uncertain_and_counts_if_killed_again(box):
    """For example by the OOM killer."""
    box.load([b""])
    servers = set(processes(f" {box.label} "))
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(box.run, "import time\ntime.sleep(600)", 0)
        while not (run := set(processes(f" {box.label} ")) - servers):
            time.sleep(0.01)
        (run,) = run
        # A run killed before it has read its program is simply rerun.
        while not re.search(r"Max open files +64 ", Path(f"/proc/{run}/limits").read_text()):
            time.sleep(0.01)
        os.kill(int(run), signal.SIGKILL)
    assert (ended.result().status, ended.result().certain) == ("verifier_error", False)
    assert uncertain_verdict(ended.result()).settled().outcome == "runtime_error"


JOB = """
import sys, threading
from monkeys.verification.sandbox import Limits
from monkeys.verification.sandbox.sandbox import IsolationLevel, Sandbox
box = Sandbox(IsolationLevel(**{level}), Limits(cpu_seconds=100))
box.load([b""])
print(box.label, flush=True)
box.run("while True: pass", 0)
"""


def processes(label):
    return subprocess.run(["pgrep", "-f", label], capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize("name", EVERY_LEVEL)
def test_no_process_survives_a_job_killed_in_the_middle_of_a_run(root, name):
    job = subprocess.Popen(
        [sys.executable, "-c", JOB.replace("{level}", repr(vars(LEVELS[name])))],
        env={**os.environ, "PYTHONPATH": str(root / "workflow/scripts")},
        stdout=subprocess.PIPE,
        text=True,
    )
    label = job.stdout.readline().strip() + " "
    time.sleep(0.5)
    assert len(processes(label)) >= 2
    job.kill()
    job.wait()
    deadline = time.monotonic() + 10
    while processes(label) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(label) == []


@pytest.fixture
def uncached_find():
    ladder.find.cache_clear()
    yield
    ladder.find.cache_clear()


def test_the_isolation_found_is_recorded(uncached_find):
    level, seen = ladder.find()
    assert level == ladder.isolation_levels()[0]
    assert seen["bubblewrap"] == (shutil.which("bwrap") is not None)
    assert (seen["network_namespace"], seen["seccomp"]) == (True, True)
    assert seen["landlock"] >= 1
    assert set(seen["prevented"].values()) == {True}


def test_a_machine_that_allows_less_gets_the_next_isolation_level(uncached_find, monkeypatch):
    """First no bubblewrap, then no network namespaces, then no namespaces at all."""
    monkeypatch.setattr(ladder.shutil, "which", lambda name: None)
    assert ladder.find()[0] == LEVELS["namespaces"]
    command = IsolationLevel.command
    for refused, found in (
        (lambda level: level.network, "namespaces, the machine's network"),
        (lambda level: level.namespaces, "Landlock and seccomp alone"),
    ):
        ladder.find.cache_clear()
        monkeypatch.setattr(
            IsolationLevel,
            "command",
            lambda level, label, refused=refused: ["false"] if refused(level) else command(level, label),
        )
        level, seen = ladder.find()
        assert level == LEVELS[found]
        assert set(seen["prevented"].values()) == {True}
    monkeypatch.setattr(IsolationLevel, "command", lambda level, label: ["false"])
    ladder.find.cache_clear()
    with pytest.raises(SandboxError, match="the interpreter for programs could not be started"):
        ladder.find()


def test_a_machine_with_too_little_isolation_is_rejected_unless_allowed(uncached_find, monkeypatch):
    @contextmanager
    def always_gets_through(box):
        """A canary that no sandbox prevents."""
        yield lambda: False

    monkeypatch.setattr(canaries, "ATTACKS", (always_gets_through,))
    with pytest.raises(
        SandboxError,
        match=r"attacks that succeeded: always gets through.*bubblewrap.*verification\.allow_unsandboxed: true",
    ):
        ladder.find()
    assert ladder.find(allow_unsandboxed=True)[1]["prevented"] == {"always gets through": False}


def test_an_isolation_level_that_cannot_start_is_an_error():
    class Refused(IsolationLevel):
        def command(self, label):
            return ["false"]

    with pytest.raises(WorkerDied, match="status 1"):
        Sandbox(Refused(bubblewrap=False, namespaces=True, network=True), Limits())


def install_bubblewrap(folder, text, monkeypatch):
    """Put a program with this text first in PATH as `bwrap`."""
    folder.mkdir()
    (folder / "bwrap").write_text(text)
    (folder / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.needs("bubblewrap")
def test_the_bubblewrap_found_is_the_one_started(tmp_path, monkeypatch):
    real, mark = shutil.which("bwrap"), tmp_path / "started"
    install_bubblewrap(tmp_path / "programs", f'#!/bin/sh\ntouch {mark}\nexec {real} "$@"\n', monkeypatch)
    box = Sandbox(LEVELS["bubblewrap"], Limits())
    try:
        assert run(box, "print(1)").output == b"1\n"
    finally:
        box.close()
    assert mark.exists()


@pytest.mark.parametrize("text", ["#!/no/such/interpreter\n", "#!/bin/sh\nexit 1\n"])
def test_programs_fall_back_to_the_next_isolation_level_if_bubblewrap_does_not_start(tmp_path, monkeypatch, text):
    install_bubblewrap(tmp_path / "programs", text, monkeypatch)
    level, seen = ladder.find.__wrapped__(allow_unsandboxed=True)
    assert not level.bubblewrap and not seen["bubblewrap"]
