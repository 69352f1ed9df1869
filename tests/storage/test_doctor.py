"""The doctor says what is wrong, in one sentence each."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lightly_assets.storage import OWN_FOLDER, Diagnosis, Store, diagnose, open_store
from tests.storage.conftest import Opener
from tests.storage.proxy import Fault, FaultProxy
from tests.storage.servers import Server


def wrong(found: list[Diagnosis]) -> dict[str, str]:
    return {finding.name: finding.message for finding in found if not finding.ok}


def test_a_missing_input_folder(tmp_path: Path) -> None:
    assert "does not exist" in wrong(diagnose(open_store(tmp_path / "inptu"), writable=False))["list"]


def test_a_folder_that_cannot_be_written() -> None:
    assert "/sys/kernel" in wrong(diagnose(open_store("/sys/kernel/new"), writable=True))["write and delete"]


def test_an_object_store_that_may_only_be_read(behind_proxy: Store, proxy: FaultProxy) -> None:
    behind_proxy.write("clip.mp4", b"x")

    def only_reading(method: str, path: str) -> Fault | None:
        return None if method in ("GET", "HEAD") else "403"

    proxy.script = only_reading
    assert wrong(diagnose(behind_proxy, writable=False)) == {}
    assert "403" in wrong(diagnose(behind_proxy, writable=True))["write and delete"]


def test_servers_with_and_without_conditional_writes(seaweed: Store, unconditional: Store) -> None:
    def verdict(store: Store) -> str:
        found = {finding.name: finding.message for finding in diagnose(store, writable=True)}
        return found["compare and swap"]

    assert "cannot overwrite each other" in verdict(seaweed)
    assert "ignores conditional writes" in verdict(unconditional)


def test_an_endpoint_that_is_down_is_told_once(opener: Opener, seaweed_server: Server) -> None:
    found = diagnose(opener(seaweed_server, port=9, max_retries=0), writable=True)
    assert len(found) == 1 and "127.0.0.1:9" in found[0].message and "/locks/" not in found[0].message


def test_an_input_that_is_a_file_or_empty(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    assert "is a file" in wrong(diagnose(open_store(tmp_path / "a.mp4"), writable=False))["list"]
    (tmp_path / "empty").mkdir()
    assert "is this the folder" in diagnose(open_store(tmp_path / "empty"), writable=False)[0].message


_KILLED = """
import os, signal, sys
from lightly_assets.storage import diagnose, open_store
store = open_store(sys.argv[1])
type(store).read = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
diagnose(store, writable=True)
"""


def test_what_a_killed_doctor_leaves_is_swept(tmp_path: Path, seaweed: Store) -> None:
    disk = open_store(tmp_path)
    for store in (disk, seaweed):
        done = subprocess.run([sys.executable, "-c", _KILLED, store.url], check=False)
        assert done.returncode == -signal.SIGKILL
    left = list(tmp_path.rglob("*tmp*"))
    assert len(left) == 1 and len(list(seaweed.list())) == 1
    disk.sweep(OWN_FOLDER, older_than=3600)
    assert not left[0].exists()
    ahead = datetime.now(UTC) + timedelta(hours=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(seaweed), "clock", lambda _: ahead)
        assert seaweed.sweep(older_than=3600) == 1
    assert list(seaweed.list()) == []
