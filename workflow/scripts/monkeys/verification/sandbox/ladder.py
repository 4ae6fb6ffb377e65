"""Find the strongest isolation level that works on this machine."""

import functools
import platform
import shutil

from monkeys.verification.sandbox import canaries
from monkeys.verification.sandbox.sandbox import IsolationLevel, Sandbox, SandboxError
from monkeys.verification.workers import WorkerDied


def isolation_levels() -> list[IsolationLevel]:
    """Isolation levels possible on Linux, strongest first."""
    without_bubblewrap = [
        IsolationLevel(bubblewrap=False, namespaces=namespaces, network=network)
        for namespaces, network in ((True, True), (True, False), (False, False))
    ]
    if shutil.which("bwrap"):
        with_bubblewrap = [
            IsolationLevel(bubblewrap=True, namespaces=True, network=network) for network in (True, False)
        ]
        return with_bubblewrap + without_bubblewrap
    return without_bubblewrap


@functools.cache
def find(allow_unsandboxed: bool = False) -> tuple[IsolationLevel, dict[str, object]]:
    """The strongest isolation level that works here, and its guarantees: active layers and prevented attacks.

    Raises:
        SandboxError: an attack succeeded and `allow_unsandboxed` is false, or no level works.
    """
    for level in isolation_levels():
        try:
            box = Sandbox(level, canaries.LIMITS)
        except (WorkerDied, OSError):  # e.g. bubblewrap fails to start
            continue
        break
    else:
        raise SandboxError(
            "no isolation level works: the interpreter for programs could not be started; see the messages above"
        )
    try:
        prevented = canaries.try_all(box)
        guarantees = {
            "bubblewrap": level.bubblewrap,
            "network_namespace": level.namespaces and level.network,
            **box.active_layers,
            "kernel": platform.release(),
            "python": platform.python_version(),
            "prevented": prevented,
        }
    finally:
        box.close()
    succeeded = [attack for attack, failed in prevented.items() if not failed]
    if succeeded and not allow_unsandboxed:
        raise SandboxError(
            f"this machine does not isolate programs; attacks that succeeded: {', '.join(succeeded)}. Install "
            "bubblewrap, run where the kernel has seccomp and user namespaces or Landlock (Linux on x86_64 or "
            "aarch64), or accept the risk with verification.allow_unsandboxed: true"
        )
    return level, guarantees
