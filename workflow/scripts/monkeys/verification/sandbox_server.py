"""Runs programs for `sandbox.py`: one warm, isolated interpreter that forks a fresh process for every run.

It is started as `python -I -S` and uses the standard library alone. What isolates a run:

- namespaces, where the kernel allows them to users: no network, no other processes in sight, own IPC;
- a seccomp filter, always: no sockets, no new processes, no signals, no tracing, no file opened for writing,
  created, renamed or removed;
- resource limits on CPU time, memory and output.

The server never sees the expected output, so a run can neither read it nor write its own verdict.
"""

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
import time

PRELOADED = ("bisect", "collections", "decimal", "fractions", "functools", "heapq", "itertools", "math", "re", "string")

SYNTAX_ERROR, MEMORY_ERROR, EXCEPTION = 101, 102, 103
"""Exit codes by which a run says how its program ended."""

_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
_CLONE_THREAD = 0x00010000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_ARCHITECTURES = {
    # seccomp's name of the architecture; system calls refused; those answered "not implemented", so that the C
    # library falls back to an older call whose arguments the filter can see; (call, argument, forbidden bits);
    # (clone, argument, bit that must be set)
    "x86_64": (
        0xC000003E,
        # socket connect sendto bind listen socketpair fork vfork execve kill tkill tgkill
        (41, 42, 44, 49, 50, 53, 57, 58, 59, 62, 200, 234)
        # truncate rename mkdir rmdir creat link unlink symlink chmod fchmod chown fchown lchown utime mknod
        + (76, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 94, 132, 133)
        # ptrace setpgid setsid chroot mount umount2 setxattr lsetxattr fsetxattr add_key request_key keyctl
        + (101, 109, 112, 161, 165, 166, 188, 189, 190, 248, 249, 250)
        # mkdirat mknodat fchownat futimesat unlinkat renameat linkat symlinkat fchmodat unshare utimensat
        + (258, 259, 260, 261, 263, 264, 265, 266, 268, 272, 280)
        # perf_event_open setns process_vm_readv process_vm_writev renameat2 bpf execveat userfaultfd
        + (298, 308, 310, 311, 316, 321, 322, 323)
        # pidfd_send_signal io_uring_setup pidfd_open pidfd_getfd
        + (424, 425, 434, 438),
        (435, 437),  # clone3 openat2
        ((2, 1, _WRITING), (257, 2, _WRITING), (302, 0, 0xFFFFFFFF)),  # open openat prlimit64 (of others)
        (56, 0, _CLONE_THREAD),
    ),
    "aarch64": (
        0xC00000B7,
        # mknodat mkdirat unlinkat symlinkat linkat renameat umount2 mount truncate chroot fchmod fchmodat fchownat
        (33, 34, 35, 36, 37, 38, 39, 40, 45, 51, 52, 53, 54, 55)
        # setxattr lsetxattr fsetxattr utimensat unshare ptrace kill tkill tgkill setpgid setsid
        + (5, 6, 7, 88, 97, 117, 129, 130, 131, 154, 157)
        # socket socketpair bind listen connect sendto add_key request_key keyctl execve perf_event_open
        + (198, 199, 200, 201, 203, 206, 217, 218, 219, 221, 241)
        # setns process_vm_readv process_vm_writev renameat2 bpf execveat userfaultfd
        + (268, 270, 271, 276, 280, 281, 282)
        + (424, 425, 434, 438),
        (435, 437),
        ((56, 2, _WRITING), (261, 0, 0xFFFFFFFF)),
        (220, 0, _CLONE_THREAD),
    ),
}

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option, *values):
    if _libc.prctl(option, *(ctypes.c_ulong(value) for value in (*values, *[0] * (4 - len(values))))):
        raise OSError(ctypes.get_errno(), "prctl")


def seccomp_filter():
    """The filter as bytes of BPF instructions, or None for an architecture we have no table for."""
    if platform.machine() not in _ARCHITECTURES:
        return None
    architecture, refused, unimplemented, unless_clear, (clone, clone_argument, clone_bit) = _ARCHITECTURES[
        platform.machine()
    ]
    load, equal, greater, any_set, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill = 0x7FFF0000, 0x80000000

    def error(number):
        return 0x00050000 | number

    def argument(index):
        return 16 + 8 * index  # its low half, on these little-endian machines

    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, kill), (load, 0, 0, 0)]
    program += [(greater, 0, 1, 0x40000000), (give, 0, 0, error(1))]  # the x32 numbers
    for number in refused:
        program += [(equal, 0, 1, number), (give, 0, 0, error(1))]
    for number in unimplemented:
        program += [(equal, 0, 1, number), (give, 0, 0, error(38))]
    for number, index, bits in unless_clear:
        program += [
            (equal, 0, 4, number),
            (load, 0, 0, argument(index)),
            (any_set, 0, 1, bits),
            (give, 0, 0, error(1)),
            (give, 0, 0, allow),
        ]
    program += [
        (equal, 0, 4, clone),
        (load, 0, 0, argument(clone_argument)),
        (any_set, 1, 0, clone_bit),
        (give, 0, 0, error(1)),
        (give, 0, 0, allow),
        (give, 0, 0, allow),
    ]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def install_filter(instructions):
    """Apply the filter to this process for good."""

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]

    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    program = Program(len(instructions) // 8, instructions)
    if _libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(program), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), "seccomp")


def enter_namespaces():
    """Move into namespaces of our own; the process that returns is the first of its PID namespace.

    Returns False where the kernel does not allow them.
    """
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC):
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"65534 {user} 1"), ("gid_map", f"65534 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    child = os.fork()
    if child:
        os.close(0)
        os.close(1)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    header = struct.pack("Ii", 0x20080522, 0)
    if _libc.capset(header, b"\0" * 24):  # the capabilities that come with a new user namespace
        raise OSError(ctypes.get_errno(), "capset")
    return True


def run_program(source, limits, instructions):
    """The forked process: run the program with our standard streams, never return."""
    memory = limits["memory_mb"] << 20
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_seconds"], limits["cpu_seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["output_bytes"], limits["output_bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if instructions:
        install_filter(instructions)
    sys.stdin, sys.stdout = (
        open(0, encoding="utf-8", errors="replace"),
        open(1, "w", encoding="utf-8", errors="replace"),
    )
    code = 0
    try:
        exec(compile(source, "program.py", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code = EXCEPTION if end.code else 0
    except MemoryError:
        code = MEMORY_ERROR
    except BaseException as failure:
        syntax = isinstance(failure, SyntaxError | ValueError) and failure.__traceback__.tb_next is None
        code = SYNTAX_ERROR if syntax else EXCEPTION
    try:
        sys.stdout.flush()
    except BaseException:
        code = code or EXCEPTION
    os._exit(code)


def run(source, given, limits, instructions, alone):
    """Run one program on one input and say how it ended: (status, output)."""
    stdin, stdout = os.memfd_create("stdin"), os.memfd_create("stdout")
    os.write(stdin, given)
    os.lseek(stdin, 0, os.SEEK_SET)
    child = os.fork()
    if not child:
        try:
            os.dup2(stdin, 0)
            os.dup2(stdout, 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.closerange(3, 1 << 16)
            run_program(source, limits, instructions)
        finally:
            os._exit(255)
    deadline = time.monotonic() + limits["wall_seconds"]
    ended = 0
    while not ended:
        signal.sigtimedwait({signal.SIGCHLD}, max(0.0, deadline - time.monotonic()))
        ended, state, _ = os.wait4(child, os.WNOHANG)
        if not ended and time.monotonic() >= deadline:
            os.kill(child, signal.SIGKILL)
            _, state, _ = os.wait4(child, 0)
            state, ended = signal.SIGXCPU, child
    if alone:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # whatever else lives in our PID namespace
    output = os.pread(stdout, limits["output_bytes"], 0)
    os.close(stdin)
    os.close(stdout)
    code = os.waitstatus_to_exitcode(state)
    if len(output) >= limits["output_bytes"]:
        return "output_limit", b""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "timeout", b""
    names = {0: "finished", SYNTAX_ERROR: "syntax_error", MEMORY_ERROR: "memory_limit", 255: "verifier_error"}
    return names.get(code, "runtime_error"), output


def main():
    """Answer requests on the standard streams until they close: each a length and that many bytes of JSON."""
    alone = "--namespaces" in sys.argv and enter_namespaces()
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    for name in PRELOADED:
        __import__(name)
    instructions = seccomp_filter()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})

    def answer(value):
        data = json.dumps(value).encode()
        answers.write(struct.pack("I", len(data)) + data)
        answers.flush()

    answer({"namespaces": alone, "seccomp": instructions is not None})
    while len(prefix := requests.read(4)) == 4:
        request = json.loads(requests.read(*struct.unpack("I", prefix)))
        status, output = run(
            request["program"],
            request["input"].encode("utf-8", "surrogatepass"),
            request["limits"],
            instructions,
            alone,
        )
        answer({"status": status, "output": output.decode("utf-8", "replace")})


if __name__ == "__main__":
    main()
