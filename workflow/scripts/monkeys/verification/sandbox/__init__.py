"""Run model-written programs isolated from the machine, without privileges or a container daemon.

Layers, from the outside in: bubblewrap where it is installed, else namespaces that the server enters itself; Landlock
where the kernel supports it; seccomp and limits on CPU time, memory and output for every run. `find` picks the
strongest isolation level that works on this machine and runs canaries (real attacks) in it;
`python -m monkeys.verification.sandbox` prints the result.
"""

from monkeys.verification.sandbox.ladder import find
from monkeys.verification.sandbox.sandbox import Limits, Run, Sandbox, SandboxError

__all__ = ["Limits", "Run", "Sandbox", "SandboxError", "find"]
