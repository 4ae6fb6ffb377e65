"""A real Slurm on this machine: one node with 32 CPUs and 4 GPUs that exist only for the scheduler."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ETC = Path("/etc/slurm")
"""Default folder of Slurm's configuration; the environment variable SLURM_CONF does not reach a job's steps."""

HOSTS = Path("/etc/hosts")

GPUS = 4
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={state}/munge.socket
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
ReturnToService=2
SlurmctldPort={slurmctld_port}
SlurmdPort={slurmd_port}
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd.pid
StateSaveLocation={state}/{variant}
SlurmdSpoolDir={state}/spool
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/slurmd.log
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
MinJobAge=300
KillWait=15
UnkillableStepTimeout=600
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=32 CoresPerSocket=32 RealMemory={memory} Gres=gpu:h200:{gpus}
PartitionName=cpu Nodes=node Default=YES MaxTime=1-00:00:00
PartitionName=gpu Nodes=node MaxTime=1-00:00:00
"""
NO_ACCOUNTING = "AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none\n"
ACCOUNTING = """
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageEnforce=associations
AccountingStorageHost=127.0.0.1
AccountingStoragePort={slurmdbd_port}
AccountingStoragePass={state}/munge.socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
"""
SLURMDBD = """
AuthType=auth/munge
AuthInfo=socket={state}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={slurmdbd_port}
SlurmUser=root
LogFile={state}/slurmdbd.log
PidFile={state}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={mariadb_port}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""
PORTS = ("slurmctld_port", "slurmd_port", "slurmdbd_port", "mariadb_port")


class Cluster:
    """The running cluster, with or without accounting."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._daemons: dict[str, subprocess.Popen] = {}
        host = socket.gethostname().split(".")[0]
        self._names = {"host": host, "state": state, "gpus": GPUS, "memory": _memory_mb()}
        with ExitStack() as stack:  # held open together, so that all ports differ
            for name in PORTS:
                listener = stack.enter_context(socket.socket())
                listener.bind(("127.0.0.1", 0))
                self._names[name] = listener.getsockname()[1]

    def start(self) -> None:
        """Start the daemons that both variants need."""
        try:
            socket.gethostbyname(self._names["host"])
        except OSError:
            HOSTS.write_text(HOSTS.read_text() + self._own_line())
        for folder in ("with_accounting", "without_accounting", "spool", "dev", "mysql"):
            (self.state / folder).mkdir()
        for number in range(GPUS):
            os.mknod(self.state / f"dev/gpu{number}", 0o666 | 0o020000, os.makedev(1, 3))  # clones of /dev/null
        gres = f"AutoDetect=off\nNodeName=node Name=gpu Type=h200 File={self.state}/dev/gpu[0-{GPUS - 1}]\n"
        self._configure("gres.conf", gres)
        (self.state / "munge.key").write_bytes(os.urandom(128))
        (self.state / "munge.key").chmod(0o600)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self._run("munged", "--foreground", "--force", *(f"--{k}={self.state}/munge.{v}" for k, v in files.items()))
        self._until("munged", lambda: (self.state / "munge.socket").exists())

    def switch(self, accounting: bool) -> None:
        """Switch accounting on or off; the database is kept."""
        variant = "with_accounting" if accounting else "without_accounting"
        if self._names.get("variant") == variant:
            return
        for daemon in ("slurmd", "slurmctld"):
            if daemon in self._daemons:
                self._end(daemon)
        self._names["variant"] = variant
        self._configure("slurm.conf", CONF + (ACCOUNTING if accounting else NO_ACCOUNTING))
        if accounting and "slurmdbd" not in self._daemons:
            self._start_accounting()
        self._run("slurmctld", "-D")
        self._until("slurmctld", lambda: "UP" in output_of("scontrol", "ping"))
        self._run("slurmd", "-D", "-N", "node")
        self._until("slurmd", lambda: "idle" in output_of("sinfo", "--noheader", "--format=%T"))

    def _start_accounting(self) -> None:
        folder, sock = self.state / "mysql", f"--socket={self.state}/mysql.socket"
        install = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={folder}"]
        subprocess.run(
            [*install, "--auth-root-authentication-method=socket", "--skip-test-db"], check=True, capture_output=True
        )
        port = f"--port={self._names['mariadb_port']}"
        self._run(
            "mariadbd", "--no-defaults", "--user=root", f"--datadir={folder}", sock, "--bind-address=127.0.0.1", port,
            "--innodb-buffer-pool-size=128M", "--innodb-lock-wait-timeout=900",
        )  # fmt: skip
        self._until("mariadbd", lambda: "alive" in output_of("mariadb-admin", sock, "ping"))
        grants = "".join(
            f"CREATE USER slurm@'{h}' IDENTIFIED BY 'slurm'; GRANT ALL ON slurm_acct_db.* TO slurm@'{h}';"
            for h in ("127.0.0.1", "localhost")
        )
        subprocess.run(["mariadb", sock, "-e", f"CREATE DATABASE slurm_acct_db; {grants}"], check=True)
        self._configure("slurmdbd.conf", SLURMDBD)
        self.start_slurmdbd()
        for entity in ("cluster test", "account lab Cluster=test", "user root Account=lab Cluster=test"):
            subprocess.run(["sacctmgr", "-i", "add", *entity.split()], check=True, capture_output=True)

    def start_slurmdbd(self) -> None:
        self._run("slurmdbd", "-D")
        self._until("slurmdbd", lambda: "Cluster" in output_of("sacctmgr", "list", "cluster"))

    def stop_slurmdbd(self) -> None:
        self._end("slurmdbd")

    def stop(self) -> None:
        """Stop all daemons, newest first, and all jobs."""
        if "slurmd" in self._daemons:
            self.clear()
        for daemon in reversed(list(self._daemons)):
            self._end(daemon)
        for link in ETC.glob("*.conf"):
            if link.is_symlink() and link.readlink().parent == self.state:
                link.unlink()
        if self._own_line() in (hosts := HOSTS.read_text()):
            HOSTS.write_text(hosts.replace(self._own_line(), ""))

    def clear(self) -> None:
        """Cancel all jobs, including those left by failed tests."""
        output_of("scancel", "--user=root")
        wait_until(lambda: not output_of("squeue", "--noheader"))

    def _own_line(self) -> str:
        """Line for /etc/hosts, if this machine cannot resolve its own name."""
        return f"127.0.0.1 {self._names['host']} # tests/cluster\n"

    def _configure(self, name: str, text: str) -> None:
        file = self.state / name
        file.write_text(text.format(**self._names) if name != "gres.conf" else text)
        file.chmod(0o600 if name == "slurmdbd.conf" else 0o644)
        ETC.mkdir(exist_ok=True)
        link = ETC / name
        ours = link.is_symlink() and link.readlink().parent == self.state
        if link.exists() and not (ours or (link.is_symlink() and "UP" not in output_of("scontrol", "ping"))):
            raise RuntimeError(f"{link}: this machine has its own Slurm, which these tests would disturb")
        link.unlink(missing_ok=True)  # left by killed tests
        link.symlink_to(file)

    def _run(self, daemon: str, *arguments: str) -> None:
        output = open(self.state / f"{daemon}.out", "ab")
        program = shutil.which(daemon, path=f"{os.environ['PATH']}:/usr/sbin") or daemon
        command = ["setpriv", "--pdeathsig=TERM", program, *arguments]  # even if the tests are killed
        self._daemons[daemon] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )

    def _until(self, daemon: str, up: Callable[[], bool]) -> None:
        if wait_until(lambda: up() or self._daemons[daemon].poll() is not None) and up():
            return
        logs = [self.state / f"{daemon}.{ending}" for ending in ("log", "out")]
        logs_text = "".join(log.read_text()[-2000:] for log in logs if log.exists())
        raise RuntimeError(f"{daemon} did not start:\n{logs_text}")

    def _end(self, daemon: str) -> None:
        process = self._daemons.pop(daemon)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def jobs(self) -> list[dict[str, str]]:
        """All jobs in the accounting database, oldest first."""
        fields = ("Comment", "State", "AllocTRES", "Timelimit", "Partition", "Account", "WorkDir", "Start", "End")
        rows = output_of(
            "sacct", "-X", "--noheader", "--parsable2", f"--format={','.join(fields)}", "--starttime=now-1days"
        )
        return [dict(zip(fields, row.split("|"), strict=True)) for row in rows.splitlines()]


def output_of(*command: str) -> str:
    """Output of a command; empty if it fails."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def wait_until(condition: Callable[[], bool], seconds: float = 900) -> bool:
    """Wait for a condition; False after a timeout that is long enough for a busy machine."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False


def _memory_mb() -> int:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return pages // 2**20 - 1000


@contextmanager
def running() -> Iterator[Cluster]:
    """Context with a running cluster."""
    state = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # a socket's path must be short
    cluster = Cluster(state)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(state, ignore_errors=True)
