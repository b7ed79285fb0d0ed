"""A real Ray cluster of two nodes on this machine, Serve on both, and ways to kill parts of it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from pathlib import Path

import httpx2

ENGINE, FRONT, PROXY = b":Engine", b":Front", b"ProxyActor"
BIN = Path(sys.executable).parent
HEALTH = {"RAY_health_check_period_ms": "100", "RAY_health_check_timeout_ms": "2000", "RAY_health_check_failure_threshold": "5"}
"""As docs/teams.md has it: a dead node is known within a second."""
ENVIRONMENT = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"} | HEALTH


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class TwoNodes:
    """The head, a worker node, and `serve run` in a process of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # the paths of sockets must be short
        self.gcs, self.http = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http}"
        guard = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment = ENVIRONMENT | guard | {"RAY_ADDRESS": f"127.0.0.1:{self.gcs}"}
        self.processes: list[subprocess.Popen[str]] = []
        self.readers: list[threading.Thread] = []
        self.output: list[str] = []
        self.head = self.node("--head", f"--port={self.gcs}", f"--temp-dir={self.folder}", "--include-dashboard=false")
        self.worker: subprocess.Popen[str] | None = None

    def node(self, *options: str) -> "subprocess.Popen[str]":
        """Start a node, and wait until it is part of the cluster."""
        ports = (f"--dashboard-agent-listen-port={free_port()}", f"--metrics-export-port={free_port()}")
        size = ("--num-cpus=2", "--object-store-memory=100000000", "--disable-usage-stats")
        return self.start("Ray runtime started.", "ray", "start", "--block", *size, *ports, *options)

    def add_worker(self) -> None:
        """The second node."""
        self.worker = self.node(f"--address=127.0.0.1:{self.gcs}")

    def serve(self, *arguments: str) -> None:
        """`serve run` as the documents have it."""
        self.run("start", "--http-port", str(self.http), "--proxy-location", "EveryNode")
        self.start("is ready at", "serve", "run", *arguments)

    def run(self, *arguments: str) -> None:
        """One command of Serve's."""
        command = [str(BIN / "serve"), *arguments]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.environment, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout

    def start(self, until: str, program: str, *arguments: str) -> "subprocess.Popen[str]":
        """Run a program until it has said so; what it says afterwards is read and kept."""
        process = subprocess.Popen(
            [str(BIN / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
            start_new_session=True,
        )
        self.processes.append(process)
        said = threading.Event()
        self.readers.append(threading.Thread(target=self.read, args=(process, until, said), daemon=True))
        self.readers[-1].start()
        said.wait(240)
        assert process.poll() is None, "".join(self.output[-50:])
        return process

    def read(self, process: "subprocess.Popen[str]", until: str, said: threading.Event) -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                self.output.append(line)
                if until in line:
                    said.set()
        said.set()

    def engines(self) -> list[int]:
        """The processes of engine replicas."""
        return self.find(ENGINE)

    def find(self, kind: bytes) -> list[int]:
        """The processes that Ray calls so."""
        ours = {pid for process in self.processes for pid in descendants(process.pid)}
        return [pid for pid in sorted(ours) if kind in title(pid)]

    def processor_seconds(self, kind: bytes) -> float:
        """What they have used up so far."""
        return sum(processor_seconds(pid) for pid in self.find(kind))

    def wait_for_engines(self, count: int, without: Collection[int] = ()) -> list[int]:
        """The replicas, once there are so many, none of those in `without` among them, and the service answers."""
        deadline = time.monotonic() + 120
        while len(engines := self.engines()) != count or set(engines) & set(without) or not self.answers():
            assert time.monotonic() < deadline, "".join(self.output[-50:])
        return engines

    def wait_until_idle(self) -> None:
        """Wait until no engine has used more than a twentieth of a core for a second, as one does that loads its model."""
        deadline = time.monotonic() + 120
        used = -1.0
        while (now := self.processor_seconds(ENGINE)) - used > 0.1:
            assert time.monotonic() < deadline, "engines are busy though nobody asks them anything"
            used = now
            time.sleep(1)

    def kill_worker(self) -> None:
        """What a power cut does to a node."""
        assert self.worker is not None
        for pid in [self.worker.pid, *descendants(self.worker.pid)]:
            kill(pid)

    def answers(self) -> bool:
        """Whether the service answers."""
        try:
            return httpx2.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def end(self) -> None:
        """Leave no process behind."""
        for process in reversed(self.processes):
            for pid in [process.pid, *descendants(process.pid)]:
                kill(pid)
            process.wait(timeout=20)
        for reader in self.readers:
            reader.join(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def processor_seconds(pid: int) -> float:
    """Of one process, its threads included."""
    try:
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0.0
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        try:
            stat = (entry / "stat").read_text() if entry.name.isdigit() else ""
        except OSError:
            continue
        if stat:
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, open_ = [], [pid]
    while open_:
        children = parents.get(open_.pop(), [])
        found += children
        open_ += children
    return found
