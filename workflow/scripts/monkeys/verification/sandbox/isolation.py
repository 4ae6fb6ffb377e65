"""Kernel isolation by namespaces, Landlock and seccomp. Runs in a bare interpreter: standard library only."""

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
_CONTINUE = 1  # flag of a notification response: the kernel executes the call

_libc = ctypes.CDLL(None, use_errno=True)
_libc.splice.restype = ctypes.c_ssize_t


def _checked(result: int, name: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def _prctl(option: int, *values: int) -> None:
    arguments = (ctypes.c_ulong(value) for value in (*values, *[0] * (4 - len(values))))
    _checked(_libc.prctl(option, *arguments), "prctl")


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def install_filter(instructions: bytes) -> None:
    """Apply a seccomp filter to this process permanently."""
    program = _FilterProgram(len(instructions) // 8, instructions)
    _checked(
        _libc.prctl(
            system_calls.SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(program), ctypes.c_ulong(0), ctypes.c_ulong(0)
        ),
        "seccomp",
    )


def install_filter_with_listener(instructions: bytes) -> int:
    """Apply a seccomp filter to this process permanently; returns the descriptor on which it sends notifications.

    Raises:
        OSError: the kernel does not support this (before Linux 5.5), or an enclosing sandbox already has a listener.
    """
    program = _FilterProgram(len(instructions) // 8, instructions)
    call, mode, flags = _SECCOMP[platform.machine()], ctypes.c_ulong(1), ctypes.c_ulong(_NEW_LISTENER)
    return _checked(_libc.syscall(call, mode, flags, ctypes.byref(program)), "seccomp")


def answer_notification(listener: int, allow: bool) -> None:
    """Let the pending system call proceed, or fail it with EAGAIN as if resources were exhausted."""
    notification = ctypes.create_string_buffer(80)
    if _libc.ioctl(listener, ctypes.c_ulong(system_calls.NOTIFICATION_RECEIVE), notification) < 0:
        return  # the calling process has ended
    identity = struct.unpack_from("Q", notification)[0]
    response = struct.pack("QqiI", identity, 0, 0 if allow else -11, _CONTINUE if allow else 0)  # EAGAIN
    _libc.ioctl(listener, ctypes.c_ulong(system_calls.NOTIFICATION_SEND), response)


def _call_number(call: str) -> int:
    return system_calls.call_numbers(platform.machine())[call]


def open_pidfd(pid: int) -> int:
    """A descriptor that becomes readable when the process ends.

    Called directly, like the next two: Python has these functions only if it was built with recent headers.
    """
    return _checked(_libc.syscall(_call_number("pidfd_open"), ctypes.c_long(pid), ctypes.c_ulong(0)), "pidfd_open")


def create_memory_file(name: str, sealable: bool = False) -> int:
    """A new, empty in-memory file."""
    close_on_exec, allow_sealing = 1, 2
    flags = close_on_exec | (allow_sealing if sealable else 0)
    return _checked(_libc.syscall(_call_number("memfd_create"), name.encode(), ctypes.c_ulong(flags)), "memfd_create")


def splice(source: int, target: int, size: int) -> None:
    """Move `size` bytes between a pipe and a file without copying them into this process's memory.

    Raises:
        EOFError: the source ended early.
    """
    while size:
        moved = _checked(_libc.splice(source, None, target, None, ctypes.c_size_t(size), ctypes.c_uint(0)), "splice")
        if not moved:
            raise EOFError
        size -= moved


def restrict_files(readable: list[str]) -> int:
    """Restrict this process and its children to reading beneath these paths: no writing, no execution, no TCP.

    Returns the Landlock ABI version, 0 if the kernel has none.
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
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        read = 1 << 2 | (1 << 3 if os.path.isdir(path) else 0)
        rule = struct.pack("<Qi", read, parent)
        _checked(_libc.syscall(add, rules, ctypes.c_uint(1), rule, ctypes.c_uint(0)), "landlock")
        os.close(parent)
    _checked(_libc.syscall(restrict, rules, ctypes.c_uint(0)), "landlock")
    os.close(rules)
    return version


def die_with_parent() -> None:
    """Kill this process when the thread that started it ends for any reason."""
    _prctl(system_calls.PDEATHSIG, signal.SIGKILL)


def drop_privileges() -> None:
    """Drop all capabilities (even root's), forbid regaining any by exec, and hide this process's memory."""
    _checked(_libc.capset(struct.pack("Ii", 0x20080522, 0), b"\0" * 24), "capset")
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _prctl(_SET_DUMPABLE, 0)


def enter_namespaces(network: bool) -> None:
    """Move into new user, PID, IPC and, if `network`, network namespaces.

    The process that returns is PID 1 of its namespace: when it ends, the kernel kills everything in it.

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
