"""System calls that the sandbox allows; all others, including those of future kernels, fail with ENOSYS.

The server's filter applies to the server and everything it starts. A run adds a second, small filter that denies the
calls only the server needs. Numbers are from the Linux headers for x86_64 and aarch64. Runs in a bare interpreter.
"""

import fcntl
import functools
import os
import platform
import resource
import signal
import struct
import termios

Instruction = tuple[int, int, int, int]
"""A BPF instruction: (opcode, jump if true, jump if false, operand)."""
Decision = list[Instruction]
"""Instructions that end in a return value for a call."""
CallTable = dict[str, tuple[int | None, int | None]]
"""System call numbers: (x86_64, aarch64), None where the architecture lacks the call."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_SET, _JUMP, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x05, 0x06
_ALLOW: Decision = [(_RETURN, 0, 0, 0x7FFF0000)]
_KILL: Decision = [(_RETURN, 0, 0, 0x80000000)]
_REFUSE: Decision = [(_RETURN, 0, 0, 0x00050000 | 1)]  # EPERM
_UNKNOWN: Decision = [(_RETURN, 0, 0, 0x00050000 | 38)]  # ENOSYS: the C library falls back to an older call
_NOTIFY: Decision = [(_RETURN, 0, 0, 0x7FC00000)]  # the listener decides

_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Per machine: (seccomp's architecture id, column in the tables)."""

ALLOWED: dict[str, CallTable] = {
    "read, write and poll open files": {
        "read": (0, 63),
        "write": (1, 64),
        "readv": (19, 65),
        "writev": (20, 66),
        "pread64": (17, 67),
        "pwrite64": (18, 68),
        "preadv": (295, 69),
        "pwritev": (296, 70),
        "preadv2": (327, 286),
        "pwritev2": (328, 287),
        "lseek": (8, 62),
        "close": (3, 57),
        "close_range": (436, 436),
        "dup": (32, 23),
        "dup2": (33, None),
        "dup3": (292, 24),
        "pipe": (22, None),
        "pipe2": (293, 59),
        "poll": (7, None),
        "ppoll": (271, 73),
        "select": (23, None),
        "pselect6": (270, 72),
        "ftruncate": (77, 46),
        "fsync": (74, 82),
        "fdatasync": (75, 83),
        "fadvise64": (221, 223),
    },
    "inspect files, within the limits of Landlock and bubblewrap": {
        "stat": (4, None),
        "fstat": (5, 80),
        "lstat": (6, None),
        "newfstatat": (262, 79),
        "statx": (332, 291),
        "access": (21, None),
        "faccessat": (269, 48),
        "faccessat2": (439, 439),
        "readlink": (89, None),
        "readlinkat": (267, 78),
        "getdents": (78, None),
        "getdents64": (217, 61),
        "getcwd": (79, 17),
    },
    "memory": {
        "mmap": (9, 222),
        "munmap": (11, 215),
        "mremap": (25, 216),
        "mprotect": (10, 226),
        "madvise": (28, 233),
        "msync": (26, 227),
        "mincore": (27, 232),
        "brk": (12, 214),
    },
    "threads and exit": {
        "futex": (202, 98),
        "set_robust_list": (273, 99),
        "set_tid_address": (218, 96),
        "rseq": (334, 293),
        "membarrier": (324, 283),
        "arch_prctl": (158, None),
        "gettid": (186, 178),
        "sched_yield": (24, 124),
        "sched_getaffinity": (204, 123),
        "getcpu": (309, 168),
        "exit": (60, 93),
        "exit_group": (231, 94),
    },
    "handle signals and set own alarms": {
        "rt_sigaction": (13, 134),
        "rt_sigprocmask": (14, 135),
        "rt_sigreturn": (15, 139),
        "rt_sigpending": (127, 136),
        "rt_sigtimedwait": (128, 137),
        "rt_sigsuspend": (130, 133),
        "sigaltstack": (131, 132),
        "pause": (34, None),
        "alarm": (37, None),
        "getitimer": (36, 102),
        "setitimer": (38, 103),
        "restart_syscall": (219, 128),
    },
    "read clocks and sleep": {
        "clock_gettime": (228, 113),
        "clock_getres": (229, 114),
        "clock_nanosleep": (230, 115),
        "nanosleep": (35, 101),
        "gettimeofday": (96, 169),
        "time": (201, None),
        "times": (100, 153),
        "getrusage": (98, 165),
    },
    "query identity, limits and system": {
        "getpid": (39, 172),
        "getppid": (110, 173),
        "getpgrp": (111, None),
        "getpgid": (121, 155),
        "getsid": (124, 156),
        "getuid": (102, 174),
        "geteuid": (107, 175),
        "getgid": (104, 176),
        "getegid": (108, 177),
        "getresuid": (118, 148),
        "getresgid": (120, 150),
        "getgroups": (115, 158),
        "getrlimit": (97, 163),
        "uname": (63, 160),
        "sysinfo": (99, 179),
        "getrandom": (318, 278),
    },
}

SERVER_ONLY: CallTable = {
    "wait4": (61, 260),
    "kill": (62, 129),
    "memfd_create": (319, 279),
    "pidfd_open": (434, 434),
    "splice": (275, 76),
}

ARGUMENT_CHECKED: CallTable = {
    "open": (2, None),
    "openat": (257, 56),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "clone": (56, 220),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
}

WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
"""Flags of `open`; without any of them it neither modifies nor creates a file."""

CLONE_THREAD = 0x00010000
THREAD_FLAGS = 0x007D0F00
"""Flags of `clone` allowed for threads: everything shared, no namespaces, no tracing."""
FORK_FLAGS = 0x01200000 | signal.SIGCHLD

PDEATHSIG, SET_NAME, GET_NAME, SET_SECCOMP = 1, 15, 16, 22
ADD_SEALS = 1033
NOTIFICATION_RECEIVE, NOTIFICATION_SEND = 0xC0502100, 0xC0182101
"""ioctl requests SECCOMP_IOCTL_NOTIF_RECV and SECCOMP_IOCTL_NOTIF_SEND."""

FILE_REQUESTS = (termios.TCGETS, termios.TIOCGWINSZ, termios.FIONREAD, termios.FIOCLEX, termios.FIONCLEX)
"""ioctl requests for terminal settings, window size, unread bytes and close-on-exec."""


@functools.cache
def call_numbers(machine: str) -> dict[str, int]:
    """Numbers on a machine of all calls in the tables that it has."""
    column = _MACHINES[machine][1]
    tables = (*ALLOWED.values(), SERVER_ONLY, ARGUMENT_CHECKED)
    both = [(call, pair[column]) for table in tables for call, pair in table.items()]
    return {call: number for call, number in both if number is not None}


def filters(notify: bool) -> tuple[bytes, bytes] | None:
    """(server filter, run filter) as BPF bytecode, None for a machine without tables.

    The first applies to the server and everything it starts. The second is stacked on top of it for runs: no new
    processes, no signals, no changed limits except the stack's, no in-memory files.

    Args:
        notify: Whether a listener decides about every new thread; otherwise threads are not counted.
    """
    if platform.machine() not in _MACHINES:
        return None
    machine = platform.machine()
    server_rules = {
        **{call: _ALLOW for table in (*ALLOWED.values(), SERVER_ONLY) for call in table},
        "open": _unless_set(1, WRITE_FLAGS),
        "openat": _unless_set(2, WRITE_FLAGS),
        # flags, owner and the like stay with an open file, so the next run would see them
        "fcntl": _one_of(
            1, fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, ADD_SEALS
        ),
        "ioctl": _one_of(1, *FILE_REQUESTS, NOTIFICATION_RECEIVE, NOTIFICATION_SEND),
        "clone": [
            _argument(0),
            (_ANY_SET, 0, 2, CLONE_THREAD),
            (_ANY_SET, 3, 0, 0xFFFFFFFF & ~THREAD_FLAGS),
            *(_NOTIFY if notify else _ALLOW),
            (_ANY_SET, 1, 0, 0xFFFFFFFF & ~FORK_FLAGS),
            *_ALLOW,
            *_REFUSE,
        ],
        "prctl": _one_of(0, PDEATHSIG, SET_NAME, GET_NAME, SET_SECCOMP),
        "prlimit64": _one_of(0, 0),  # own limits only
    }
    run_rules = {
        **dict.fromkeys(SERVER_ONLY, _REFUSE),
        "clone": [_argument(0), (_ANY_SET, 0, 1, CLONE_THREAD), *_ALLOW, *_REFUSE],
        "prctl": _one_of(0, SET_NAME, GET_NAME),
        # read any limit; set only the stack's, as recursive programs do (memory has its own limit)
        "prlimit64": [
            _argument(1),
            (_EQUAL, 4, 0, resource.RLIMIT_STACK),
            _argument(2),
            (_EQUAL, 0, 3, 0),
            _argument(2, high=True),
            (_EQUAL, 0, 1, 0),
            *_ALLOW,
            *_REFUSE,
        ],
    }
    return _compile(machine, server_rules, _UNKNOWN), _compile(machine, run_rules, _ALLOW)


def _argument(index: int, high: bool = False) -> Instruction:
    """Load one 32-bit half of an argument; both machines are little-endian."""
    return (_LOAD, 0, 0, 16 + 8 * index + 4 * high)


def _one_of(index: int, *values: int) -> Decision:
    """Allow a call if the lower 32 bits of an argument equal one of these values."""
    jumps = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [_argument(index), *jumps, *_REFUSE, *_ALLOW]


def _unless_set(index: int, bits: int) -> Decision:
    """Allow a call if an argument has none of these bits set."""
    return [_argument(index), (_ANY_SET, 1, 0, bits), *_ALLOW, *_REFUSE]


def _compile(machine: str, rules: dict[str, Decision], default: Decision) -> bytes:
    by_number = {number: rules[call] for call, number in call_numbers(machine).items() if call in rules}
    # other architectures number calls differently; x32 numbers on x86_64 lie above all others
    start = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _MACHINES[machine][0]), *_KILL, (_LOAD, 0, 0, 0)]
    return b"".join(
        struct.pack("HBBI", *instruction) for instruction in (*start, *_search(_ranges(by_number, default)))
    )


def _ranges(by_number: dict[int, Decision], default: Decision) -> list[tuple[int, Decision]]:
    """(first number, decision) of each range of call numbers; a range ends where the next begins."""
    ranges: list[tuple[int, Decision]] = [(0, default)]
    for number in sorted(by_number):
        for first, decision in ((number, by_number[number]), (number + 1, default)):
            if ranges[-1][0] == first:
                ranges.pop()
            if not ranges or ranges[-1][1] is not decision:
                ranges.append((first, decision))
    return ranges


def _search(ranges: list[tuple[int, Decision]]) -> Decision:
    """Binary search over the ranges: about eight comparisons per call instead of a hundred."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _search(ranges[:middle]), _search(ranges[middle:])
    if len(below) < 256:
        return [(_AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]
    return [(_AT_LEAST, 0, 1, ranges[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]
