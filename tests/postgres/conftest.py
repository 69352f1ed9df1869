"""A real PostgreSQL server on loopback, with a folder and a port of its own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import dagster as dg
import pytest
import yaml

STORAGES = {
    "run_storage": ("dagster_postgres.run_storage", "PostgresRunStorage"),
    "schedule_storage": ("dagster_postgres.schedule_storage", "PostgresScheduleStorage"),
    "event_log_storage": ("lightly_assets.graph.postgres_event_log", "PostgresEventLog"),
}


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    if not found[-1].is_file():
        pytest.fail("these tests need PostgreSQL's server: apt-get install postgresql")
    return found[-1].parent


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """A server with files of its own in an open context, and an empty database.

    It refuses to run as root, so root lends it another user; pytest's folders are closed to that one.
    """

    def __init__(self) -> None:
        self.port = _free_port()
        self.url = f"postgresql+psycopg2://dagster@127.0.0.1:{self.port}/postgres"
        self._binaries = _binaries()
        self._user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._opened = tempfile.TemporaryDirectory()
        self._folder = Path(self._opened.name)
        if self._user:
            shutil.chown(self._folder, self._user)
        options = ["-U", "dagster", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [self._binaries / "initdb", "-D", self._folder / "data", *options],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self._folder,
        )
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._opened.cleanup()

    def start(self) -> None:
        """It listens at the same port each time."""
        at = ["-h", "127.0.0.1", "-p", str(self.port)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", "data", *at, "-k", self._folder, "-c", "fsync=off"],
                user=self._user,
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        ready = [self._binaries / "pg_isready", *at, "-t", "1"]
        for _ in range(60):
            if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.2)
        pytest.fail("PostgreSQL did not start")

    def stop(self) -> None:
        """Whoever is connected is not waited for."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database on a server of its own."""
    with Server() as one:
        yield one.url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of an empty database."""
    with server() as url:
        yield url


def settings(url: str, **others: object) -> str:
    """A ``dagster.yaml`` with everything on the server."""
    found: dict[str, object] = {"telemetry": {"enabled": False}}
    for name, (module, kind) in STORAGES.items():
        found[name] = {"module": module, "class": kind, "config": {"postgres_url": url}}
    return yaml.safe_dump(found | others)


@pytest.fixture
def instance(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "dagster"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    (home / "dagster.yaml").write_text(settings(postgres_url))
    with dg.DagsterInstance.get() as instance:
        yield instance
        instance.event_log_storage.wipe()
        instance.run_storage.wipe()
