"""Canaries: real attacks run inside a sandbox. Those that fail are its guarantees."""

import contextlib
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from monkeys.verification.sandbox.sandbox import Limits, Run, Sandbox

LIMITS = Limits(cpu_seconds=2, memory_mb=256)

MEMORY = """
import os
def fill(size):
    block = bytearray(size)
    block[::4096] = bytes(len(block[::4096]))
    return block
def attempt(attack):
    try:
        attack()
        print("open")
    except (MemoryError, OSError):
        pass
def by_forks():
    blocks = [fill({memory} // 2)]
    for _ in range(3):
        if os.fork() == 0:
            fill({memory} // 2)
            os._exit(0)
def in_a_file():
    os.ftruncate(os.memfd_create("memory"), 2 * {memory})
attempt(by_forks)
attempt(in_a_file)
attempt(lambda: fill(2 * {memory}))
"""

SURVIVOR = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(30)
    os._exit(0)
"""

SEARCH = """
import gc, os, sys
wanted = "expected-" + "output-"
places = [str(os.environ)]
frame = sys._getframe()
while frame:
    places += [str(frame.f_locals), str(frame.f_globals)]
    frame = frame.f_back
for thing in gc.get_objects():
    places += [item for item in gc.get_referents(thing) if isinstance(item, str)]
for number in range(64):
    try:
        places.append(os.pread(number, 1 << 20, 0).decode("utf-8", "replace"))
    except OSError:
        pass
for pid in (os.getpid(), os.getppid(), {job}):
    for name in ("cmdline", "environ"):
        try:
            places.append(open(f"/proc/{{pid}}/{{name}}", errors="replace").read())
        except OSError:
            pass
    try:
        with open(f"/proc/{{pid}}/maps") as maps, open(f"/proc/{{pid}}/mem", "rb") as memory:
            for line in maps:
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                if "r" in line.split()[1] and "[v" not in line:
                    memory.seek(start)
                    places.append(memory.read(end - start).decode("ascii", "replace"))
    except (OSError, MemoryError):
        pass
for place in places:
    at = place.find(wanted)
    while at >= 0:
        print(place[at : at + 64])
        at = place.find(wanted, at + 1)
"""

FORGERY = """
import json, os, struct
header = json.dumps({"status": "finished", "cpu_seconds": 0, "certain": True}).encode()
forged = struct.pack("<II", len(header), 6) + header + b"forged"
for number in range(3, 64):
    try:
        os.write(number, forged)
    except OSError:
        pass
print("honest")
"""


RAW = """
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
def call(numbers, *arguments):
    number = numbers[("x86_64", "aarch64").index(platform.machine())]
    passed = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    if libc.syscall(ctypes.c_long(number), *passed) >= 0:
        print("open", number)
"""
"""System calls by number on x86_64 and aarch64, since the C library does not wrap all of them."""

SIGNALS = """
import signal, struct
information = struct.pack("iii", signal.SIGINT, 0, -1).ljust(128, b"\\0")
call((297, 240), os.getppid(), os.getppid(), signal.SIGINT, information)  # rt_tgsigqueueinfo
call((129, 138), os.getppid(), signal.SIGINT, information)  # rt_sigqueueinfo
call((424, 424), 0, signal.SIGINT, None, 0)  # pidfd_send_signal
for command, argument in ((8, os.getppid()), (10, signal.SIGINT), (15, struct.pack("ii", 1, os.getppid()))):
    call((72, 25), 0, command, argument)  # fcntl: F_SETOWN, F_SETSIG, F_SETOWN_EX
call((222, 107), 0, None, bytes(8))  # timer_create
"""

METADATA = """
import struct
path, here = {path!r}.encode(), -100
call((452, 452), here, path, 0o777, 0)  # fchmodat2
call((268, 53), here, path, 0o777)  # fchmodat
call((280, 88), here, path, None, 0)  # utimensat
for numbers in (188, 5), (189, 6):  # setxattr, lsetxattr
    call(numbers, path, b"user.canary", b"x", 1, 0)
call((463, 463), here, path, 0, b"user.canary", struct.pack("QII", ctypes.addressof(ctypes.c_char(b"x")), 1, 0), 16)
for numbers in (197, 14), (198, 15):  # removexattr, lremovexattr
    call(numbers, path, b"user.canary")
call((466, 466), here, path, 0, b"user.canary")  # removexattrat
call((469, 469), here, path, bytes(24), 24, 0)  # file_setattr
"""

TRACES = """
import struct
for process in 0, os.getppid():
    call((203, 122), process, 8, b"\\1".ljust(8, b"\\0"))  # sched_setaffinity
    call((144, 119), process, 5, bytes(4))  # sched_setscheduler: idle
    call((314, 274), process, struct.pack("IIQiIQQQ", 48, 5, 0, 0, 0, 0, 0, 0), 0)  # sched_setattr
    call((141, 140), 0, process, 19)  # setpriority
    call((251, 30), 1, process, 3 << 13)  # ioprio_set: idle
call((190, 7), 0, b"user.canary", b"x", 1, 0)  # fsetxattr of the input
call((72, 25), 0, 4, 0o4000)  # fcntl: F_SETFL
call((72, 25), 0, 1024, 1)  # fcntl: F_SETLEASE
call((73, 32), 0, 5)  # flock
"""

MACHINE = """
name = os.uname().nodename.encode()
call((170, 161), name, len(name))  # sethostname, to what it is
call((294, 26), 0)  # inotify_init1
call((425, 425), 1, bytes(120))  # io_uring_setup
call((206, 0), 1, bytes(8))  # io_setup
call((467, 467), -100, b"/", 1 << 16, None, 0)  # open_tree_attr
call((428, 428), -100, b"/", 1)  # open_tree
call((434, 434), os.getppid(), 0)  # pidfd_open
call((312, 272), os.getpid(), os.getppid(), 1, 0, 0)  # kcmp
call((447, 447), 0)  # memfd_secret
call((323, 282), 1)  # userfaultfd
call((135, 92), 0xFFFFFFFF)  # personality
call((162, 81))  # sync
call((300, 262), 0, 0)  # fanotify_init
call((291, 20), 0)  # epoll_create1
call((290, 19), 0, 0)  # eventfd2
"""

THREADS = """
import _thread, time
_thread.stack_size(32768)
held = _thread.allocate_lock()
held.acquire()
started = 0
try:
    while started < {threads}:
        _thread.start_new_thread(held.acquire, ())
        started += 1
    print("open")
except RuntimeError:
    pass
print("tried")
"""


def try_all(box: Sandbox) -> dict[str, bool]:
    """Run every attack in a sandbox; maps each to whether it was prevented.

    Attacks that succeed may leave this sandbox unusable, so run real programs in a new one.
    """
    with ExitStack() as stack:
        results = {}
        for attack in ATTACKS:
            prevented = stack.enter_context(attack(box))
            results[attack.__name__.replace("_", " ")] = prevented()
    return results


def _run(box: Sandbox, program: str, stdin: str = "") -> Run:
    box.load([stdin.encode()])
    return box.run(program, 0)


def _prints_open(box: Sandbox, program: str) -> bool:
    return b"open" in _run(box, program).output


def _all_refused(box: Sandbox, calls: str) -> bool:
    """Whether all of these system calls failed."""
    output = _run(box, f"{RAW}{calls}\nprint('tried')").output
    return b"tried" in output and b"open" not in output


@contextmanager
def reading_the_users_files(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Read a secret in the home folder."""
    secret = secrets.token_hex()
    with _file_at_home(secret) as path:
        yield lambda: secret.encode() not in _run(box, f"print(open({str(path)!r}).read())").output


@contextmanager
def writing_files(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Change, delete or hide one of the user's files."""
    with _file_at_home("as it was") as path:

        def prevented() -> bool:
            for attack in (
                "open(path, 'a').write('x')",
                "os.truncate(path, 0)",
                "os.remove(path)",
                "os.chmod(path, 0)",
            ):
                _run(box, f"import os\npath = {str(path)!r}\n{attack}")
            return path.is_file() and os.access(path, os.R_OK) and path.read_text() == "as it was"

        yield prevented


@contextmanager
def filling_the_disk(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Create files in commonly writable folders."""
    name = f"canary-{secrets.token_hex(8)}"
    folders = ["", "/", "/tmp/", "/var/tmp/", "/dev/shm/", "/run/", f"{Path.home()}/", f"{Path.cwd()}/"]
    program = f"""
import os
for folder in {folders!r}:
    for attack in (lambda path: open(path, "w").write("x" * 10**6), os.mkdir, lambda path: os.symlink("/", path)):
        try:
            attack(folder + {name!r})
            print("open")
        except OSError:
            pass
"""
    try:
        yield lambda: not _prints_open(box, program)
    finally:
        for folder in folders:
            with contextlib.suppress(OSError):
                (Path(folder) / name).unlink()
            with contextlib.suppress(OSError):
                (Path(folder) / name).rmdir()


@contextmanager
def network_of_this_machine(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Connect to a TCP port and to a Unix socket that listen on this machine."""
    name = f"\0canary-{secrets.token_hex(8)}"
    with socket.create_server(("127.0.0.1", 0)) as port, socket.socket(socket.AF_UNIX) as local:
        local.bind(name)
        local.listen()
        for listener in (port, local):
            listener.setblocking(False)
        program = f"""
import socket
for family, address in ((socket.AF_INET, ("127.0.0.1", {port.getsockname()[1]})), (socket.AF_UNIX, {name!r})):
    try:
        client = socket.socket(family)
        client.settimeout(1)
        client.connect(address)
    except OSError:
        pass
"""

        def prevented() -> bool:
            _run(box, program)
            for listener in (port, local):
                with contextlib.suppress(BlockingIOError):
                    listener.accept()[0].close()
                    return False
            return True

        yield prevented


@contextmanager
def network_outside(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Find a route to an address reserved for documentation (192.0.2.0/24); nothing is sent."""
    program = "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))\nprint('open')"
    yield lambda: not _prints_open(box, program)


@contextmanager
def new_processes(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Start a small fork bomb and run commands."""
    program = """
import os, subprocess
def bomb():
    for _ in range(5):
        os.fork()
for attack in (bomb, lambda: subprocess.run(["/bin/true"]), lambda: os.execv("/bin/echo", ["echo", "open"])):
    try:
        attack()
        print("open", flush=True)
    except OSError:
        pass
"""
    yield lambda: not _prints_open(box, program)


@contextmanager
def survivors(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Leave behind a process in its own session."""

    def prevented() -> bool:
        before = _processes_of(box)
        _run(box, SURVIVOR)
        time.sleep(0.05)
        return _processes_of(box) <= before

    yield prevented


@contextmanager
def killing_the_server(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Kill the process that executes runs."""

    def prevented() -> bool:
        before = box.starts
        _run(box, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
        return _run(box, "print('alive')").output == b"alive\n" and box.starts == before

    yield prevented


@contextmanager
def signals_by_other_calls(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Kill the process that executes runs by less common signalling calls."""

    def prevented() -> bool:
        before = box.starts
        refused = _all_refused(box, SIGNALS)
        return refused and _run(box, "print('alive')").output == b"alive\n" and box.starts == before

    yield prevented


@contextmanager
def changing_what_is_said_of_files(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Change mode, times and attributes of one of the user's files."""
    with _file_at_home("as it was") as path:
        yield lambda: _all_refused(box, METADATA.format(path=str(path)))


@contextmanager
def leaving_something_for_the_next_run(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Change scheduling priority, CPU affinity, or flags and attributes of the input."""
    yield lambda: _all_refused(box, TRACES)


@contextmanager
def reaching_the_machine(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Access the host name, other processes, folder watches, and memory that no limit covers."""
    yield lambda: _all_refused(box, MACHINE)


@contextmanager
def threads_without_end(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Start a small thread bomb."""

    def prevented() -> bool:
        output = _run(box, THREADS.format(threads=400)).output
        return b"tried" in output and b"open" not in output

    yield prevented


@contextmanager
def ending_as_an_error_of_the_machine(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Lower a limit so that the kernel kills the run with SIGKILL, as the OOM killer would."""

    def prevented() -> bool:
        lower = "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (0, 0))\nwhile True: pass"
        return _run(box, lower).status == "runtime_error"

    yield prevented


@contextmanager
def seeing_other_processes(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Read in /proc which processes run on this machine and their command lines."""
    program = f"""
import os
for attack in (lambda: os.listdir("/proc"), lambda: open("/proc/{os.getpid()}/cmdline").read()):
    try:
        attack()
        print("open")
    except OSError:
        pass
"""
    yield lambda: not _prints_open(box, program)


@contextmanager
def memory_beyond_the_limit(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Allocate twice the limit: at once, in an in-memory file, and as half the limit in each of four processes."""
    yield lambda: not _prints_open(box, MEMORY.format(memory=LIMITS.memory_mb << 20))


@contextmanager
def raising_its_limits(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Raise the limits on time, memory and file size."""
    program = """
import resource
for what in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE):
    try:
        resource.setrlimit(what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("open")
    except (OSError, ValueError):
        pass
"""
    yield lambda: not _prints_open(box, program)


@contextmanager
def endless_output(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Print forever."""
    yield lambda: _run(box, "while True: print('x' * 10**6)").status == "output_limit"


@contextmanager
def reading_the_expected_output(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Search for it in memory, open files, environment and the job's processes."""
    expected = f"expected-output-{secrets.token_hex(16)}"
    yield lambda: expected.encode() not in _run(box, SEARCH.format(job=os.getpid())).output


@contextmanager
def forging_a_verdict(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Write a forged server answer to every open descriptor."""

    def prevented() -> bool:
        return _run(box, FORGERY).output == b"honest\n" and _run(box, "print('next')").output == b"next\n"

    yield prevented


@contextmanager
def changing_an_input(box: Sandbox) -> Iterator[Callable[[], bool]]:
    """Overwrite the input that other programs will read."""

    def prevented() -> bool:
        box.load([b"as it was"])
        box.run("import os\nos.ftruncate(0, 0)", 0)
        box.run("import os\nos.pwrite(0, b'forged', 0)", 0)
        return box.run("print(input())", 0).output == b"as it was\n"

    yield prevented


ATTACKS = (
    reading_the_users_files,
    reading_the_expected_output,
    forging_a_verdict,
    changing_an_input,
    writing_files,
    filling_the_disk,
    network_of_this_machine,
    network_outside,
    new_processes,
    survivors,
    killing_the_server,
    signals_by_other_calls,
    changing_what_is_said_of_files,
    leaving_something_for_the_next_run,
    reaching_the_machine,
    threads_without_end,
    ending_as_an_error_of_the_machine,
    seeing_other_processes,
    memory_beyond_the_limit,
    raising_its_limits,
    endless_output,
)


@contextmanager
def _file_at_home(text: str) -> Iterator[Path]:
    """A file of the user, in the home folder or another writable one."""
    for folder in (Path.home(), Path.cwd(), Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            descriptor, name = tempfile.mkstemp(prefix=".canary-", dir=folder)
            break
    else:
        raise OSError("the canaries need a writable folder: the home folder, the working directory or TMPDIR")
    os.close(descriptor)
    path = Path(name)
    try:
        path.write_text(text)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _processes_of(box: Sandbox) -> set[str]:
    """Processes of a sandbox, identified by its label, including those that left its process tree."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if box.label.encode() in entry.read_bytes().split(b"\0"):
                found.add(entry.parent.name)
    return found
