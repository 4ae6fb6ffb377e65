"""Find out how programs can be isolated on this machine."""

import functools
import platform
import shutil
from typing import Any

from monkeys.verification.sandbox import canaries
from monkeys.verification.sandbox.sandbox import Layers, Sandbox, SandboxError
from monkeys.verification.workers import WorkerDied


def rungs() -> list[Layers]:
    """What can be put around programs on Linux, the best first."""
    bare = [
        Layers(bubblewrap=False, namespaces=namespaces, network=network)
        for namespaces, network in ((True, True), (True, False), (False, False))
    ]
    if shutil.which("bwrap"):
        return [Layers(bubblewrap=True, namespaces=True, network=network) for network in (True, False)] + bare
    return bare


@functools.cache
def find(allow_unsandboxed: bool = False) -> tuple[Layers, dict[str, Any]]:
    """The best layers that this machine allows, and what was seen of them: which ones, and what they prevented.

    Raises:
        SandboxError: some attack succeeded, and `allow_unsandboxed` is false.
    """
    for layers in rungs():
        try:
            box = Sandbox(layers, canaries.LIMITS)
        except (WorkerDied, OSError):  # such as a bubblewrap that does not start
            continue
        break
    else:
        raise SandboxError("no interpreter could be started to run programs in; see the messages above")
    try:
        seen = {
            "bubblewrap": layers.bubblewrap,
            "network_namespace": layers.namespaces and layers.network,
            **box.started_with,
            "kernel": platform.release(),
            "python": platform.python_version(),
            "prevented": canaries.try_all(box),
        }
    finally:
        box.close()
    possible = [attack for attack, prevented in seen["prevented"].items() if not prevented]
    if possible and not allow_unsandboxed:
        raise SandboxError(
            f"programs could not be isolated on this machine; still possible: {', '.join(possible)}. Install "
            "bubblewrap, or run where the kernel has seccomp and user namespaces or Landlock (Linux on x86_64 or "
            "aarch64), or accept the risk with verification.allow_unsandboxed: true"
        )
    return layers, seen
