"""Real S3 servers on loopback, with authentication on, for tests and benchmarks."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ACCESS_KEY = "test-access-key"
SECRET_KEY = "canary-secret-7f3b19"
BUCKET = "bucket"
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A running server. ``url`` is its endpoint."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def environment(self, port: int | None = None) -> dict[str, str]:
        """The standard variables to reach it, or a proxy of it at another port."""
        return {
            "AWS_ENDPOINT_URL": f"http://{self.host}:{port or self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }


@contextmanager
def seaweedfs(folder: Path, host: str = "127.0.0.1") -> Iterator[Server]:
    """SeaweedFS: honours If-Match and If-None-Match, atomically."""
    services = ("master.port", "volume.port", "filer.port", "s3.port", "s3.port.lance", "admin.port")
    internal = ("master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc", "admin.port.grpc")
    ports = dict(zip((*services, *internal), free_ports(len(services) + len(internal)), strict=True))
    command = [_binary("weed"), "mini", f"-dir={folder}", f"-ip={host}", f"-ip.bind={host}"]
    command += [f"-bucket={BUCKET}", "-webdav=false", "-s3.port.iceberg=0", "-admin.ui=false"]
    command += ["-master.telemetry=false", *(f"-{name}={port}" for name, port in ports.items())]
    try:
        with _running("seaweedfs", command, ports["s3.port"], folder, host) as server:
            _wait_for_bucket(server)
            yield server
    finally:
        for port in ports.values():  # it leaves its sockets behind
            for left in Path("/tmp").glob(f"seaweedfs-*{port}.sock"):
                left.unlink(missing_ok=True)


@contextmanager
def rclone(folder: Path) -> Iterator[Server]:
    """``rclone serve s3`` over a folder: ignores conditional writes."""
    (folder / BUCKET).mkdir(parents=True)
    (port,) = free_ports(1)
    command = [_binary("rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    command += [
        "--config",
        str(folder.parent / "none.conf"),
        "--auth-key",
        f"{ACCESS_KEY},{SECRET_KEY}",
        str(folder),
    ]
    with _running("rclone", command, port, folder) as server:
        yield server


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, and that the system gives to no connection meanwhile."""
    found: list[int] = []
    for port in random.SystemRandom().sample(range(12_000, 32_000), 2_000):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("There is no free port.")


@contextmanager
def _running(
    name: str, command: list[str], port: int, folder: Path, host: str = "127.0.0.1"
) -> Iterator[Server]:
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    log = folder.parent / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=folder)
    try:
        _wait_until_ready(process, host, port, log)
        yield Server(name, port, process, host)
    finally:
        process.send_signal(signal.SIGKILL)  # its data is thrown away; an orderly end takes SeaweedFS a while
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], host: str, port: int, log: Path) -> None:
    """Ready is when the bucket answers that it wants credentials."""
    ends = time.monotonic() + _READY_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("GET", f"/{BUCKET}")
            if connection.getresponse().status in (400, 401, 403):
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not become ready:\n{log.read_text(errors='replace')[-2000:]}")


def _wait_for_bucket(server: Server) -> None:
    """SeaweedFS makes it a moment after it begins to answer."""
    import boto3
    from botocore.exceptions import ClientError

    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=server.url, **keys)
    ends = time.monotonic() + _READY_SECONDS
    while True:
        try:
            client.list_objects_v2(Bucket=BUCKET)
            return
        except ClientError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)


def _binary(name: str) -> str:
    return str(Path(sys.executable).parent / name)
