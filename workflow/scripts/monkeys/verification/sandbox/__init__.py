"""Run programs that language models wrote, isolated from the machine, without privileges or a container daemon.

Layers, from the outside: bubblewrap where it is installed, else namespaces that the sandbox enters itself; Landlock
where the kernel has it; for every run seccomp and limits on CPU time, memory and output. `find` tries what this
machine has and runs canaries in it. `python -m monkeys.verification.sandbox` prints what they found.
"""

from monkeys.verification.sandbox.ladder import find
from monkeys.verification.sandbox.sandbox import Limits, Run, Sandbox, SandboxError

__all__ = ["Limits", "Run", "Sandbox", "SandboxError", "find"]
