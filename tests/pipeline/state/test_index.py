"""The index: one rule of what is stale, and any thread may ask at any time."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lightly_assets
from lightly_assets.pipeline.state.index import Index
from lightly_assets.pipeline.state.records import InputRecord, Record, Records
from lightly_assets.storage import Unavailable, open_store

PACKAGE = Path(lightly_assets.__file__).parent
COMPARED = re.compile(r"\b(e|row)\.(singletons_from|published_from) (=|!=|==) \w+\.")


def made(model: str = "m", settings: str = "s") -> InputRecord:
    one = InputRecord(fingerprint="f", decode="d", frames=3, width=4, height=5, model=model)
    return InputRecord(
        fingerprint="f",
        decode="d",
        frames=3,
        width=4,
        height=5,
        model=model,
        settings=settings,
        singletons_from=one.predictions_version,
    )


def test_what_is_stale_is_said_in_one_place() -> None:
    found = {path.name for path in (PACKAGE / "pipeline").rglob("*.py") if COMPARED.search(path.read_text())}
    assert found == {"stale_rule.py"}


def test_the_first_stage_that_does_not_hold_is_stale(tmp_path: Path) -> None:
    state = open_store(tmp_path / "state")
    index = Index(tmp_path / "index.sqlite", state)
    record = Record("task", "unit", {"a": made(), "b": made(model="old")})
    index.put(record, Records(state).write(record, None))

    def stale(fingerprint: str = "f", decode: str = "d", model: str = "m", settings: str = "s") -> str | None:
        return dict(index.stale("task", [("a", fingerprint, decode)], model, settings)).get("a")

    assert stale() == "task_folder"
    assert {stale(fingerprint="x"), stale(decode="x"), stale(model="x")} == {"predictions"}
    assert stale(settings="x") == "singletons"
    assert dict(index.stale("task", [("never seen", "f", "d")], "m", "s")) == {"never seen": "predictions"}
    (stored,) = index.stored("task", "a", "s")
    assert (stored.predictions, stored.encoded, stored.singletons, stored.published) == (True,) * 3 + (False,)
    assert not index.stored("task", "a", "x")[0].encoded
    assert index.without_frames([("a", "f", "d")]) == ["a"], "of the frames themselves nothing is recorded"


def test_all_threads_may_ask_and_write_at_once(tmp_path: Path) -> None:
    state = open_store(tmp_path / "state")
    index, records = Index(tmp_path / "index.sqlite", state), Records(state)
    keys = [f"{number:04d}" for number in range(40)]
    wanted = [(key, "f", "d") for key in keys]

    def write(key: str) -> None:
        record = Record("task", key, {f"{key}/{number}": made() for number in range(60)})
        index.put(record, records.write(record, None))

    def ask(key: str) -> int:
        found = len(list(index.stale("task", wanted, "m", "s"))) + len(list(index.entries("task", [key])))
        return found + len(index.tasks()) + index.predictions("task") + len(list(index.entries("task")))

    with ThreadPoolExecutor(8) as threads:
        jobs = [threads.submit(job, key) for key in keys for job in (write, ask)]
        for job in jobs:
            job.result()
    assert len(list(index.entries("task"))) == 40 * 60  # more than are read at once


def test_a_file_that_is_no_database_is_made_anew_and_a_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"no database at all" * 99)
    assert list(Index(path, open_store(tmp_path / "state")).entries("task")) == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (5,)
    with pytest.raises(Unavailable, match="cannot be written"):
        Index(Path("/proc/nothing/index.sqlite"), open_store(tmp_path / "state"))
