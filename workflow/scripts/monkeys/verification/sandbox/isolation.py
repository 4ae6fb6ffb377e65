"""What the kernel is asked to refuse: namespaces, Landlock, seccomp. It runs bare, with the standard library alone.

Numbers are those of Linux's headers, for x86_64 and aarch64.
"""

import ctypes
import os
import platform
import signal
import struct

Calls = dict[str, tuple[int | None, int | None]]
"""Numbers of system calls: on x86_64 (None where it has none), on aarch64."""
Rule = tuple[int, int, int, int]
"""An instruction of a filter: what it does, how far to jump if so and if not, with what."""

_NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
_CLONE_THREAD = 0x00010000
_PDEATHSIG, _SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 1, 4, 22, 38
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_SYSTEM_CALLS: dict[str, Calls] = {
    "sockets": {
        "socket": (41, 198),
        "connect": (42, 203),
        "sendto": (44, 206),
        "bind": (49, 200),
        "listen": (50, 201),
        "socketpair": (53, 199),
    },
    "processes": {
        "fork": (57, None),
        "vfork": (58, None),
        "execve": (59, 221),
        "execveat": (322, 281),
        "kill": (62, 129),
        "tkill": (200, 130),
        "tgkill": (234, 131),
        "rt_sigqueueinfo": (129, 138),
        "ptrace": (101, 117),
        "setpgid": (109, 154),
        "setsid": (112, 157),
        "kcmp": (312, 272),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "pidfd_send_signal": (424, 424),
        "pidfd_open": (434, 434),
        "pidfd_getfd": (438, 438),
        "process_madvise": (440, 440),
        "timer_create": (222, 107),
    },
    "files": {
        "truncate": (76, 45),
        "rename": (82, None),
        "mkdir": (83, None),
        "rmdir": (84, None),
        "creat": (85, None),
        "link": (86, None),
        "unlink": (87, None),
        "symlink": (88, None),
        "chmod": (90, None),
        "fchmod": (91, 52),
        "chown": (92, None),
        "fchown": (93, 55),
        "lchown": (94, None),
        "utime": (132, None),
        "mknod": (133, None),
        "utimes": (235, None),
        "mkdirat": (258, 34),
        "mknodat": (259, 33),
        "fchownat": (260, 54),
        "futimesat": (261, None),
        "unlinkat": (263, 35),
        "renameat": (264, 38),
        "linkat": (265, 37),
        "symlinkat": (266, 36),
        "fchmodat": (268, 53),
        "utimensat": (280, 88),
        "renameat2": (316, 276),
        "setxattr": (188, 5),
        "lsetxattr": (189, 6),
        "fsetxattr": (190, 7),
        "name_to_handle_at": (303, 264),
        "open_by_handle_at": (304, 265),
        "fanotify_init": (300, 262),
    },
    "memory that no limit counts": {
        "memfd_create": (319, 279),
        "memfd_secret": (447, 447),
        "shmget": (29, 194),
        "shmat": (30, 196),
        "shmctl": (31, 195),
        "semget": (64, 190),
        "msgget": (68, 186),
        "mq_open": (240, 180),
        "fallocate": (285, 47),
    },
    "the machine": {
        "chroot": (161, 51),
        "mount": (165, 40),
        "umount2": (166, 39),
        "pivot_root": (155, 41),
        "open_tree": (428, 428),
        "move_mount": (429, 429),
        "fsopen": (430, 430),
        "fsconfig": (431, 431),
        "fsmount": (432, 432),
        "mount_setattr": (442, 442),
        "unshare": (272, 97),
        "setns": (308, 268),
        "add_key": (248, 217),
        "request_key": (249, 218),
        "keyctl": (250, 219),
        "perf_event_open": (298, 241),
        "bpf": (321, 280),
        "userfaultfd": (323, 282),
        "io_uring_setup": (425, 425),
        "personality": (135, 92),
        "syslog": (103, 116),
        "quotactl": (179, 60),
        "swapon": (167, 224),
        "reboot": (169, 142),
        "settimeofday": (164, 170),
        "clock_settime": (227, 112),
        "init_module": (175, 105),
        "finit_module": (313, 273),
        "kexec_load": (246, 104),
    },
}
_NOT_IMPLEMENTED: Calls = {"clone3": (435, 435), "openat2": (437, 437)}
"""Answered with ENOSYS: the C library then takes an older call, whose arguments the filter can see."""

_MACHINES = {
    # seccomp's name of the machine; its column above; open, openat, prlimit64 and clone: number, argument, bits
    "x86_64": (0xC000003E, 0, ((2, 1, _WRITING), (257, 2, _WRITING), (302, 0, 0xFFFFFFFF)), (56, 0)),
    "aarch64": (0xC00000B7, 1, ((56, 2, _WRITING), (261, 0, 0xFFFFFFFF)), (220, 0)),
}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, name: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def _prctl(option: int, *values: int) -> None:
    arguments = (ctypes.c_ulong(value) for value in (*values, *[0] * (4 - len(values))))
    _checked(_libc.prctl(option, *arguments), "prctl")


def seccomp_filters() -> tuple[bytes, bytes] | None:
    """Two filters as bytes of BPF instructions, or None for a machine without a table.

    The first is for the server and all that it starts: no sockets, no file opened for writing, created, renamed or
    removed. The second is for runs alone, and small because every run takes it on: no new processes (threads are
    allowed), no signals to others, no memory outside the address space.
    """
    if platform.machine() not in _MACHINES:
        return None
    name, column, unless_clear, (clone, flags) = _MACHINES[platform.machine()]
    load, equal, at_least, any_set, jump, give = 0x20, 0x15, 0x35, 0x45, 0x05, 0x06
    allow, kill, refuse, unknown = 0x7FFF0000, 0x80000000, 0x00050000 | 1, 0x00050000 | 38

    def argument(index: int) -> int:
        return 16 + 8 * index  # its low half, on these little-endian machines

    def refusing(*groups: Calls, answer: int = refuse) -> list[Rule]:
        both = [numbers for group in groups for numbers in group.values()]
        numbers = [number for pair in both if (number := pair[column]) is not None]
        return [
            *((equal, len(numbers) - place, 0, number) for place, number in enumerate(numbers)),
            (jump, 0, 0, 1),
            (give, 0, 0, answer),
        ]

    def compiled(*rules: Rule) -> bytes:
        # another architecture's calls, and x86_64's x32 numbers, would have other meanings
        start = [(load, 0, 0, 4), (equal, 1, 0, name), (give, 0, 0, kill), (load, 0, 0, 0)]
        start += [(at_least, 0, 1, 0x40000000), (give, 0, 0, refuse)]
        return b"".join(struct.pack("HBBI", *rule) for rule in (*start, *rules, (give, 0, 0, allow)))

    arguments: list[Rule] = []
    for number, index, bits in unless_clear:
        arguments += [
            (equal, 0, 4, number),
            (load, 0, 0, argument(index)),
            (any_set, 0, 1, bits),
            (give, 0, 0, refuse),
            (give, 0, 0, allow),
        ]
    only_threads: list[Rule] = [
        (equal, 0, 4, clone),
        (load, 0, 0, argument(flags)),
        (any_set, 1, 0, _CLONE_THREAD),
        (give, 0, 0, refuse),
        (give, 0, 0, allow),
    ]
    calls = _SYSTEM_CALLS
    return (
        compiled(
            *refusing(_NOT_IMPLEMENTED, answer=unknown),
            *refusing(calls["sockets"], calls["files"], calls["the machine"]),
            *arguments,
        ),
        compiled(*refusing(calls["processes"], calls["memory that no limit counts"]), *only_threads),
    )


def install_filter(instructions: bytes) -> None:
    """Apply a filter to this process for good."""

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]

    program = Program(len(instructions) // 8, instructions)
    _checked(
        _libc.prctl(_SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(program), ctypes.c_ulong(0), ctypes.c_ulong(0)),
        "seccomp",
    )


def restrict_files(readable: list[str]) -> int:
    """Let this process and its children read only beneath these paths, write and execute nothing, open no TCP port.

    Returns the version of Landlock's interface, 0 where the kernel has none.
    """
    create, add, restrict = 444, 445, 446
    version = _libc.syscall(create, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if version < 1:
        return 0
    # execute, write, read, list, remove (2), make (7); then refer, truncate, device ioctl
    rights = (1 << 13) - 1
    for since, right in ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15)):
        rights |= right if version >= since else 0
    attributes = struct.pack("<QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _checked(_libc.syscall(create, attributes, ctypes.c_size_t(size), ctypes.c_uint(0)), "landlock")
    for path in readable:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        read = 1 << 2 | (1 << 3 if os.path.isdir(path) else 0)
        rule = struct.pack("<Qi", read, place)
        _checked(_libc.syscall(add, rules, ctypes.c_uint(1), rule, ctypes.c_uint(0)), "landlock")
        os.close(place)
    _checked(_libc.syscall(restrict, rules, ctypes.c_uint(0)), "landlock")
    os.close(rules)
    return version


def die_with_parent() -> None:
    """End this process when the thread that started it ends, however that happens."""
    _prctl(_PDEATHSIG, signal.SIGKILL)


def no_new_privileges() -> None:
    """Give up ever gaining rights by executing something, as Landlock and seccomp demand; hide our memory."""
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _prctl(_SET_DUMPABLE, 0)


def enter_namespaces(network: bool) -> None:
    """Move into user, PID, IPC and, if asked, network namespaces of our own.

    The process that returns is the first of its PID namespace: when it ends, everything in it ends.

    Raises:
        OSError: the kernel does not allow them.
    """
    user, group = os.getuid(), os.getgid()
    _checked(_libc.unshare(_NEWUSER | _NEWPID | _NEWIPC | (_NEWNET if network else 0)), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"65534 {user} 1"), ("gid_map", f"65534 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    child = os.fork()
    if child:
        os.close(0)
        os.close(1)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    die_with_parent()
    # the capabilities that come with a new user namespace
    _checked(_libc.capset(struct.pack("Ii", 0x20080522, 0), b"\0" * 24), "capset")
