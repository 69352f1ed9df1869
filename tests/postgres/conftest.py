"""A real PostgreSQL server on loopback, with a folder and a port of its own."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def server() -> Iterator[str]:
    """A server with files of its own; the URL of an empty database.

    It refuses to run as root, so root lends it another user; pytest's folders are closed to that one.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield from _server(Path(folder))


def _server(folder: Path) -> Iterator[str]:
    binaries, port = _binaries(), _free_port()
    user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "dagster", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        user=user,
        cwd=folder,
    )
    arguments = ["-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-c", "fsync=off"]
    log = (folder / "log").open("wb")
    with (
        log,
        subprocess.Popen(
            [binaries / "postgres", *arguments], user=user, cwd=folder, stdout=log, stderr=log
        ) as process,
    ):
        try:
            ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
            for _ in range(60):
                if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
                    break
                time.sleep(0.2)
            else:
                pytest.fail("PostgreSQL did not start")
            yield f"postgresql+psycopg2://dagster@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()


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
