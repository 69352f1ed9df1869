"""A real Ray cluster on loopback: a head and nodes, each with an address of its own in 127.0.0.0/8."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

RAY = str(Path(sys.executable).with_name("ray"))
HEAD = "127.0.0.2"


class Process:
    """What /proc says of a process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        folder = Path(f"/proc/{pid}")
        self.command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        self.parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def processes() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield Process(int(entry.name))
            except OSError:
                continue


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Cluster:
    """A head without cores, and nodes of one core and one (made up) GPU."""

    def __init__(self, head: str = HEAD, environment: Mapping[str, str] | None = None) -> None:
        self.head = head
        # Sockets lie below: a short path.
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
        (self.folder / "hosts").mkdir()
        self.port, self.client_port = _free_ports(2)
        self.address = f"{head}:{self.port}"
        self._environment = {
            **os.environ,
            **(environment or {}),
            # Where workers keep their files.
            "TMPDIR": str(self.folder / "hosts"),
            "RAY_TMPDIR": str(self.folder / "s"),
            "RAY_USAGE_STATS_ENABLED": "0",
            # A node without a heartbeat is given up sooner than in a large cluster.
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": "2000",
            "RAY_health_check_failure_threshold": "3",
            # A client's server starts a Python that imports all of Ray; by default it has 30 s for that.
            "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "150",
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._start(
            head, "--head", f"--port={self.port}", f"--ray-client-server-port={self.client_port}", cpus=0
        )
        wait_for(self._answers, 60, "the head does not answer")

    def _answers(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex((self.head, self.port)) == 0

    def _start(self, host: str, *options: str, cpus: int = 1, gpus: int = 0, inside: str = "") -> None:
        command = ["ip", "netns", "exec", inside] if inside else []
        command += [RAY, "start", "--block", "--disable-usage-stats", f"--node-ip-address={host}", *options]
        command += [f"--num-cpus={cpus}", f"--num-gpus={gpus}", "--object-store-memory=100000000"]
        if "--head" in options:
            command += [f"--temp-dir={self.folder / 's'}", "--include-dashboard=false"]
        with (self.folder / f"{host}.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def add(self, host: str, *, gpus: int = 0, inside: str = "") -> None:
        """Start a node of one core, maybe in a network name space; it is there once the head knows it."""
        known = self._joined(host)
        self._start(host, f"--address={self.address}", gpus=gpus, inside=inside)
        wait_for(lambda: self._joined(host) > known, 60, f"the node {host} does not come up")

    def _joined(self, host: str) -> int:
        """How often a node has come up."""
        log = self.folder / f"{host}.log"
        return log.read_text().count("Ray runtime started") if log.exists() else 0

    def raylet(self, host: str) -> int | None:
        """The process of a node."""
        address = f"--node_ip_address={host} "
        found = (one.pid for one in self._ours() if "raylet/raylet" in one.command and address in one.command)
        return next(found, None)

    def kill_head(self) -> None:
        """Without a word, as a machine is lost; nodes and workers live on."""
        for one in self._ours():
            if "gcs_server" in one.command or "--head" in one.command or " ray.util.client" in one.command:
                kill(one.pid)
        if (raylet := self.raylet(self.head)) is not None:
            kill(raylet)

    def workers(self) -> list[int]:
        """Processes that run our actors."""
        raylets = {one.pid for one in self._ours() if "raylet/raylet" in one.command}
        return [
            one.pid
            for one in processes()
            if one.command.startswith("ray::RayWorker") and one.parent in raylets
        ]

    def pids(self) -> list[int]:
        """Its own processes, but for those that run actors."""
        return [one.pid for one in self._ours()]

    def left(self) -> list[str]:
        """What workers have left on their hosts, beside the model files that are kept by content."""
        places = (self.folder / "hosts").glob("lightly-assets-*/*")
        return [str(place) for place in places if place.name != "files"]

    def shipped(self) -> list[Path]:
        return [one for one in (self.folder / "hosts").glob("lightly-assets-*/files/*") if one.is_file()]

    def said(self) -> bytes:
        """All that Ray has written down."""
        return b"".join(
            one.read_bytes()
            for one in (self.folder / "s").rglob("*")
            if one.is_file() and not one.is_socket()
        )

    def _ours(self) -> list[Process]:
        return [one for one in processes() if str(self.folder) in one.command]

    def close(self) -> None:
        for one in self._started:
            one.terminate()
        deadline = time.monotonic() + 5
        while self._ours() and time.monotonic() < deadline:
            time.sleep(0.1)
        for one in self._ours():
            kill(one.pid)
        for process in self._started:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    """Beyond those that Ray gives to its workers."""
    found: list[int] = []
    for port in range(21000 + os.getpid() % 5000, 32000):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
        if len(found) == count:
            break
    return found
