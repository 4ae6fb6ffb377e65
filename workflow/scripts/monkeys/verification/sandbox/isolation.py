"""What the kernel is asked to refuse: namespaces, Landlock, seccomp. It runs bare, with the standard library alone."""

import ctypes
import os
import platform
import signal
import struct

import system_calls

_NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
_SET_DUMPABLE, _SET_NO_NEW_PRIVS = 4, 38
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_NEW_LISTENER = 8
_GO_ON = 1  # of a decision: the call takes place

_libc = ctypes.CDLL(None, use_errno=True)
_libc.splice.restype = ctypes.c_ssize_t


def _checked(result: int, name: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def _prctl(option: int, *values: int) -> None:
    arguments = (ctypes.c_ulong(value) for value in (*values, *[0] * (4 - len(values))))
    _checked(_libc.prctl(option, *arguments), "prctl")


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def install_filter(instructions: bytes) -> None:
    """Apply a filter to this process for good."""
    program = _Program(len(instructions) // 8, instructions)
    _checked(
        _libc.prctl(
            system_calls.SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(program), ctypes.c_ulong(0), ctypes.c_ulong(0)
        ),
        "seccomp",
    )


def listen(instructions: bytes) -> int:
    """Apply a filter to this process for good; returns the file on which it asks.

    Raises:
        OSError: the kernel knows no listeners (before Linux 5.5), or somebody around us listens already.
    """
    program = _Program(len(instructions) // 8, instructions)
    call, mode, flags = _SECCOMP[platform.machine()], ctypes.c_ulong(1), ctypes.c_ulong(_NEW_LISTENER)
    return _checked(_libc.syscall(call, mode, flags, ctypes.byref(program)), "seccomp")


def decide(listener: int, allow: bool) -> None:
    """Let the call take place that waits for a decision, or have it fail as if there were no resources for it."""
    notice = ctypes.create_string_buffer(80)
    if _libc.ioctl(listener, ctypes.c_ulong(system_calls.NOTICE), notice) < 0:
        return  # who asked has ended
    identity = struct.unpack_from("Q", notice)[0]
    answer = struct.pack("QqiI", identity, 0, 0 if allow else -11, _GO_ON if allow else 0)  # EAGAIN
    _libc.ioctl(listener, ctypes.c_ulong(system_calls.DECISION), answer)


def _number(call: str) -> int:
    return system_calls.numbers(platform.machine())[call]


def open_process(pid: int) -> int:
    """A file that can be read when a process has ended.

    Python has this and the next two calls only where it was built with new headers.
    """
    return _checked(_libc.syscall(_number("pidfd_open"), ctypes.c_long(pid), ctypes.c_ulong(0)), "pidfd_open")


def memory_file(name: str, sealable: bool = False) -> int:
    """An empty file in memory."""
    close_on_exec, allow_sealing = 1, 2
    flags = close_on_exec | (allow_sealing if sealable else 0)
    return _checked(_libc.syscall(_number("memfd_create"), name.encode(), ctypes.c_ulong(flags)), "memfd_create")


def move(source: int, target: int, size: int) -> None:
    """Move so many bytes, at most, between a pipe and a file, without a copy in our memory.

    Raises:
        EOFError: there are fewer.
    """
    while size:
        moved = _checked(_libc.splice(source, None, target, None, ctypes.c_size_t(size), ctypes.c_uint(0)), "splice")
        if not moved:
            raise EOFError
        size -= moved


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
    _prctl(system_calls.PDEATHSIG, signal.SIGKILL)


def give_up_privileges() -> None:
    """Drop all capabilities, root's too, and never gain rights by executing something; hide our memory."""
    _checked(_libc.capset(struct.pack("Ii", 0x20080522, 0), b"\0" * 24), "capset")
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
