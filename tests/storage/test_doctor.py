"""The doctor says what is wrong, in one sentence each."""

from __future__ import annotations

from pathlib import Path

from lightly_assets.storage import Diagnosis, Store, diagnose, open_store
from tests.storage.proxy import Fault, FaultProxy


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
