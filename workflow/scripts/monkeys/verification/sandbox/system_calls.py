"""Which system calls the sandbox lets through; all others, and those that a later kernel brings, do not exist there.

The server's filter holds for it and for all that it starts. A run takes on a second, small one, which keeps from it
what the server alone needs. Numbers are those of Linux's headers, for x86_64 and aarch64. The module runs bare.
"""

import fcntl
import functools
import os
import platform
import resource
import signal
import struct
import termios

Rule = tuple[int, int, int, int]
"""An instruction of a filter: what it does, how far to jump if so and if not, with what."""
Answer = list[Rule]
"""Instructions that come to a decision."""
Calls = dict[str, tuple[int | None, int | None]]
"""Numbers of system calls: on x86_64 (None where it has none), on aarch64."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_SET, _JUMP, _GIVE = 0x20, 0x15, 0x35, 0x45, 0x05, 0x06
_ALLOW: Answer = [(_GIVE, 0, 0, 0x7FFF0000)]
_KILL: Answer = [(_GIVE, 0, 0, 0x80000000)]
_REFUSE: Answer = [(_GIVE, 0, 0, 0x00050000 | 1)]  # EPERM
_UNKNOWN: Answer = [(_GIVE, 0, 0, 0x00050000 | 38)]  # ENOSYS: the C library then takes an older call
_ASK: Answer = [(_GIVE, 0, 0, 0x7FC00000)]  # whoever holds the filter's listener

_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Seccomp's name of a machine, and its place in the tables."""

ALLOWED: dict[str, Calls] = {
    "read, write and watch what is open": {
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
    "look at files, as far as Landlock and bubblewrap let it": {
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
    "threads and the end": {
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
    "handle signals and set alarms for itself": {
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
    "tell and pass the time": {
        "clock_gettime": (228, 113),
        "clock_getres": (229, 114),
        "clock_nanosleep": (230, 115),
        "nanosleep": (35, 101),
        "gettimeofday": (96, 169),
        "time": (201, None),
        "times": (100, 153),
        "getrusage": (98, 165),
    },
    "know who and where it is": {
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

SERVERS_OWN: Calls = {
    "wait4": (61, 260),
    "kill": (62, 129),
    "memfd_create": (319, 279),
    "pidfd_open": (434, 434),
    "splice": (275, 76),
}

CHECKED: Calls = {
    "open": (2, None),
    "openat": (257, 56),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "clone": (56, 220),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
}

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
"""Flags of open; without one of them a file is neither changed nor made."""

CLONE_THREAD = 0x00010000
OF_THREADS = 0x007D0F00
"""Flags with which threads are made: everything shared, no namespace, nothing traced."""
OF_FORKS = 0x01200000 | signal.SIGCHLD

PDEATHSIG, SET_NAME, GET_NAME, SET_SECCOMP = 1, 15, 16, 22
ADD_SEALS = 1033
NOTICE, DECISION = 0xC0502100, 0xC0182101
"""Of ioctl: take what a listener has heard, and decide about it."""

ABOUT_FILES = (termios.TCGETS, termios.TIOCGWINSZ, termios.FIONREAD, termios.FIOCLEX, termios.FIONCLEX)
"""Of ioctl: is it a terminal, how large, how much is unread; closed on execution or not."""


@functools.cache
def numbers(machine: str) -> dict[str, int]:
    """The numbers of all calls in the tables that a machine has."""
    column = _MACHINES[machine][1]
    tables = (*ALLOWED.values(), SERVERS_OWN, CHECKED)
    both = [(call, pair[column]) for table in tables for call, pair in table.items()]
    return {call: number for call, number in both if number is not None}


def filters(ask: bool) -> tuple[bytes, bytes] | None:
    """Two filters as bytes of BPF instructions, or None for a machine without tables.

    The first is for the server and all that it starts. The second is for runs alone, on top of it: no processes, no
    signals, no limits changed but that of the stack, no files in memory.

    Args:
        ask: Whether there is a listener, whom every new thread is asked of; else threads are not counted.
    """
    if platform.machine() not in _MACHINES:
        return None
    machine = platform.machine()
    for_all = {
        **{call: _ALLOW for table in (*ALLOWED.values(), SERVERS_OWN) for call in table},
        "open": _unless_set(1, WRITING),
        "openat": _unless_set(2, WRITING),
        # what stays with a file, such as its flags and its owner, the next run would find
        "fcntl": _one_of(
            1, fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, ADD_SEALS
        ),
        "ioctl": _one_of(1, *ABOUT_FILES, NOTICE, DECISION),
        "clone": [
            _argument(0),
            (_ANY_SET, 0, 2, CLONE_THREAD),
            (_ANY_SET, 3, 0, 0xFFFFFFFF & ~OF_THREADS),
            *(_ASK if ask else _ALLOW),
            (_ANY_SET, 1, 0, 0xFFFFFFFF & ~OF_FORKS),
            *_ALLOW,
            *_REFUSE,
        ],
        "prctl": _one_of(0, PDEATHSIG, SET_NAME, GET_NAME, SET_SECCOMP),
        "prlimit64": _one_of(0, 0),  # of itself
    }
    for_runs = {
        **dict.fromkeys(SERVERS_OWN, _REFUSE),
        "clone": [_argument(0), (_ANY_SET, 0, 1, CLONE_THREAD), *_ALLOW, *_REFUSE],
        "prctl": _one_of(0, SET_NAME, GET_NAME),
        # may ask for any limit; set that of the stack, as recursive programs do: memory has another
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
    return _compiled(machine, for_all, _UNKNOWN), _compiled(machine, for_runs, _ALLOW)


def _argument(index: int, high: bool = False) -> Rule:
    """Look at half of an argument, on these little-endian machines."""
    return (_LOAD, 0, 0, 16 + 8 * index + 4 * high)


def _one_of(index: int, *values: int) -> Answer:
    """Allow a call whose argument, of 32 bits, is one of these."""
    jumps = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [_argument(index), *jumps, *_REFUSE, *_ALLOW]


def _unless_set(index: int, bits: int) -> Answer:
    """Allow a call whose argument has none of these bits."""
    return [_argument(index), (_ANY_SET, 1, 0, bits), *_ALLOW, *_REFUSE]


def _compiled(machine: str, answers: dict[str, Answer], otherwise: Answer) -> bytes:
    known = {number: answers[call] for call, number in numbers(machine).items() if call in answers}
    # another architecture's calls have other numbers; those of x86_64's x32 lie beyond all others
    start = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _MACHINES[machine][0]), *_KILL, (_LOAD, 0, 0, 0)]
    return b"".join(struct.pack("HBBI", *rule) for rule in (*start, *_search(_ranges(known, otherwise))))


def _ranges(known: dict[int, Answer], otherwise: Answer) -> list[tuple[int, Answer]]:
    """What is to be answered from a number on, up to the next of the list."""
    ranges: list[tuple[int, Answer]] = [(0, otherwise)]
    for found in sorted(known):
        for first, answer in ((found, known[found]), (found + 1, otherwise)):
            if ranges[-1][0] == first:
                ranges.pop()
            if not ranges or ranges[-1][1] is not answer:
                ranges.append((first, answer))
    return ranges


def _search(ranges: list[tuple[int, Answer]]) -> Answer:
    """Halve the ranges until one is left: eight comparisons a call, where a list would take a hundred."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _search(ranges[:middle]), _search(ranges[middle:])
    if len(below) < 256:
        return [(_AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]
    return [(_AT_LEAST, 0, 1, ranges[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]
