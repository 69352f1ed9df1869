"""What a worker of Ray does on its host, as far as that needs no Ray."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lightly_assets.pipeline.engines.cluster.ray_worker import clear_up
from lightly_assets.storage.disk.temporary import temporary_name


def left_by_a_dead_process() -> str:
    code = "from lightly_assets.storage.disk.temporary import *; print(temporary_name())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_workers_that_start_together_clear_up_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = left_by_a_dead_process()
    for number in range(200):
        (tmp_path / f"{dead}{number}" / "deep").mkdir(parents=True)
    alive = tmp_path / temporary_name()
    alive.mkdir()
    failed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    workers = [threading.Thread(target=clear_up, args=(tmp_path,)) for _ in range(8)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert failed == []
    assert list(tmp_path.iterdir()) == [alive]
