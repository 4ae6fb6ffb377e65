import pytest

from monkeys.verification import sandbox
from monkeys.verification.sandbox import Limits, Sandbox, SandboxError


@pytest.fixture(scope="module", params=["--namespaces", "seccomp alone"])
def box(request):
    """A sandbox with all its layers, and one as on a machine without user namespaces."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "--namespaces":
            launch = Sandbox._launch
            patch.setattr(Sandbox, "_launch", lambda self, *options: launch(self))
        box = Sandbox(Limits(cpu_seconds=1, memory_mb=256))
        yield box
        box.close()


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("print(int(input()) + 1)", "finished"),
        ("import sys; sys.exit(0)", "finished"),
        ("import threading\nt = threading.Thread(target=print, args=(1,))\nt.start()\nt.join()", "finished"),
        ("import time; time.sleep(1.5)", "finished"),
        ("print(", "syntax_error"),
        ("a\0b", "syntax_error"),
        ("(" * 10_000, "syntax_error"),
        ("1 / 0", "runtime_error"),
        ("raise SyntaxError", "runtime_error"),
        ("import sys; sys.exit(3)", "runtime_error"),
        ("import os; os._exit(7)", "runtime_error"),
        ("import os; os.abort()", "runtime_error"),
        ("import numpy", "runtime_error"),
        ("while True: pass", "timeout"),
        ("x = [0] * 10**9", "memory_limit"),
        ("while True: print('x' * 10**6)", "output_limit"),
    ],
)
def test_a_run_ends_as_its_program_does(box, program, status):
    assert box.run(program, "41\n").status == status


def test_standard_streams_are_the_programs_own(box):
    assert box.run("import sys\nprint(sys.stdin.read(), end='')", "two\nlines\n").output == "two\nlines\n"
    assert box.run("print('ü', 'á')", "").output == "ü á\n"
    assert box.run("import sys\nprint('x', file=sys.stderr)", "").output == ""


def test_runs_know_nothing_of_each_other(box):
    box.run("import builtins, math\nbuiltins.leak = math.leak = 1", "")
    assert (
        box.run("import builtins, math\nprint(hasattr(builtins, 'leak'), hasattr(math, 'leak'))", "").output
        == "False False\n"
    )


@pytest.mark.parametrize(
    "attack",
    [
        "import socket; socket.create_connection(('127.0.0.1', 80))",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import os; os.fork()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.setsid()",
        "import os; os.kill(os.getppid(), 9)",
        "import os; os.kill(-1, 9)",
        "open('/tmp/attack', 'w')",
        "import os; os.open('/tmp', os.O_TMPFILE | os.O_RDWR)",
        "import os; os.remove('/tmp/none')",
        "import os; os.mkdir('/tmp/attack.d')",
        "import os; os.rename('/tmp/none', '/tmp/attack')",
        "import os; os.symlink('/', '/tmp/attack')",
        "import os; os.truncate('/tmp/none', 0)",
        "import os; os.chmod('/tmp', 0o777)",
        "import os; os.write(3, b'x')",  # the server's own pipes
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (99, 99))",
        "import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
    ],
)
def test_attacks_are_refused_by_the_kernel(box, attack):
    """Refused are EPERM, EBADF, ENOSYS and a limit that cannot be raised; any other error would print itself."""
    run = box.run(
        f"""
try:
    {attack.replace("; ", chr(10) + "    ")}
    print("succeeded")
except PermissionError: print("refused")
except ValueError: print("refused")
except OSError as error: print("refused" if error.errno in (9, 38) else error)
""",
        "",
    )
    assert run.output == "refused\n"


def test_a_program_cannot_forge_the_servers_answer(box):
    forged = '{"status": "finished", "output": "forged"}'
    run = box.run(
        f"import os, struct\nfor fd in range(3, 64):\n"
        f"  try: os.write(fd, struct.pack('I', {len(forged)}) + b'{forged}')\n"
        "  except OSError: pass\nprint('done')",
        "",
    )
    assert run.output == "done\n"
    assert box.run("print('next')", "").output == "next\n"


def test_a_server_that_died_is_started_again(box):
    box._server.kill()
    assert box.run("print(1)", "").output == "1\n"


def test_what_was_prevented_is_recorded(box):
    assert set(box.guarantees["prevented"]) == set(sandbox.CANARIES)
    assert all(box.guarantees["prevented"].values())


def test_a_machine_that_isolates_nothing_is_refused_unless_allowed(monkeypatch):
    monkeypatch.setattr(sandbox, "CANARIES", {"arithmetic": "print('open')"})  # a canary that always gets through
    with pytest.raises(SandboxError, match=r"still possible: arithmetic.*verification\.allow_unsandboxed: true"):
        Sandbox(Limits())
    box = Sandbox(Limits(), allow_unsandboxed=True)
    assert box.guarantees["prevented"] == {"arithmetic": False}
    box.close()
