"""What only a disk can do wrong."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightly_assets.storage import Changed, Denied, NotFound, StorageError, Store, Unavailable, open_store
from lightly_assets.storage.disk.local import LocalStore
from lightly_assets.storage.disk.temporary import MARK, is_abandoned, is_temporary, temporary_name

OTHER_MACHINE = f"{MARK}{'0' * 12}-1-1-1"


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_links_are_not_followed_out_of_the_root(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.mp4").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "real.mp4").write_bytes(b"real")
    (root / "folder").symlink_to(outside)
    (root / "file.mp4").symlink_to(outside / "secret.mp4")
    (root / "loop").symlink_to(root)
    (root / "inside.mp4").symlink_to(root / "real.mp4")
    store = open_store(root)
    with caplog.at_level(logging.WARNING):
        assert [entry.key for entry in store.list()] == ["inside.mp4", "real.mp4"]
    assert "file.mp4 is a link" in caplog.text and "folder is a link" in caplog.text
    assert sorted(store.names()) == ["inside.mp4", "real.mp4"]
    for key in ("folder/secret.mp4", "file.mp4"):
        with pytest.raises(Denied, match="link"):
            store.read(key)
        with pytest.raises(Denied, match="link"):
            store.stat(key)
    for action in (
        lambda: store.write("folder/new.json", b"x"),
        lambda: store.write_many([("folder/new.json", b"x")]),
        lambda: store.delete_many(["folder/secret.mp4"]),
        lambda: store.put_if("folder/new.json", b"x", None),
    ):
        with pytest.raises(StorageError):
            action()
    store.write("file.mp4", b"ours")  # replaces the link, not what it points to
    store.delete_many(["inside.mp4"])
    assert tree(outside) == {"secret.mp4": b"secret"}
    assert (root / "real.mp4").read_bytes() == b"real"
    assert not (root / "file.mp4").is_symlink()


@given(key=st.text(st.sampled_from("ab./\\\0\n ~ü😀"), max_size=12))
def test_no_key_leads_out_of_the_root(key: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "root")
        with contextlib.suppress(StorageError):
            store.write(key, b"x")
            assert store.read(key) == b"x"
            assert list(store.names()) == [key]
        assert [path.name for path in Path(folder).iterdir()] in ([], ["root"])


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = open_store(tmp_path / "link")
    store.write("a/b.json", b"x")
    assert (tmp_path / "real/a/b.json").read_bytes() == b"x"


def test_special_files_and_names_without_unicode_are_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / os.fsdecode(b"\xff.mp4")).write_bytes(b"x")
    (tmp_path / "good.mp4").write_bytes(b"x")
    assert [entry.key for entry in open_store(tmp_path).list()] == ["good.mp4"]


def test_a_folder_whose_name_no_store_takes_does_not_stop_the_listing(tmp_path: Path) -> None:
    deep = "/".join(["d" * 200] * 6)
    for folder in ("back\\slash", "new\nline", deep, os.fsdecode(b"\xff")):
        path = tmp_path
        for name in folder.split("/"):
            path = path / name
            path.mkdir()
        (path / "x.mp4").write_bytes(b"x")
    (tmp_path / "good.mp4").write_bytes(b"x")
    expected = ["back\\slash/x.mp4", f"{deep}/x.mp4", "good.mp4", "new\nline/x.mp4"]
    store = open_store(tmp_path)
    assert [entry.key for entry in store.list()] == expected
    assert sorted(store.names()) == expected
    with pytest.raises(StorageError):
        store.read("back\\slash/x.mp4")


def test_listing_has_the_byte_order_of_the_keys(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    names = ["a.json", "a/x", "a/sub/x", "a/sub.json", "a0", "B", "ü", "z/1", "😀", "\ue000"]
    store.write_many((name, b"") for name in names)
    assert [entry.key for entry in store.list()] == sorted(names, key=lambda name: name.encode())


def test_a_missing_root_is_told_and_made_by_the_first_write(tmp_path: Path) -> None:
    store = open_store(tmp_path / "not/yet")
    with pytest.raises(NotFound, match="not/yet"):
        list(store.list())
    assert list(store.names(".lightly")) == []
    store.write("a", b"x")
    assert [entry.key for entry in store.list()] == ["a"]


def test_a_file_replaced_while_it_is_read_is_told(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write("clip.mp4", b"one")
    entry = next(store.list())
    with pytest.raises(Changed), store.local_file(entry):
        store.write("clip.mp4", b"two, longer")
    store.write("clip.mp4", b"one")
    entry = next(store.list())
    with pytest.raises(Changed) as caught, store.local_file(entry):
        store.write("clip.mp4", b"three")
        raise ValueError("broken video")
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(ValueError, match="really broken"), store.local_file(next(store.list())):
        raise ValueError("really broken")


def test_files_get_the_usual_rights_and_parents_vanish_when_empty(tmp_path: Path) -> None:
    store = open_store(tmp_path / "root")
    store.write("a/b/c.json", b"x")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "root/a/b/c.json").stat().st_mode) == 0o666 & ~umask
    store.write("a/keep.json", b"x")
    store.delete_many(["a/b/c.json"])
    assert not (tmp_path / "root/a/b").exists()
    store.delete_many(["a/keep.json"])
    assert list((tmp_path / "root").iterdir()) == []


def test_a_read_only_place_is_denied() -> None:
    with pytest.raises(Denied, match="/sys/kernel"):
        LocalStore(Path("/sys/kernel")).write("new/a.json", b"x")


FILL = """
import resource, signal, sys
from lightly_assets.storage import open_store

store = open_store(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    store.write_many((f"many/{i}.json", b"x" * (10 if i < 50 else 5000)) for i in range(100))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_disk_that_takes_no_more_leaves_no_parts(tmp_path: Path) -> None:
    store = open_store(tmp_path / "root")
    store.write("many/50.json", b"old")
    done = subprocess.run(
        [sys.executable, "-c", FILL, store.url], capture_output=True, text=True, env=_environment()
    )
    assert done.stdout.startswith("Unavailable") and "many/5" in done.stdout, done.stderr
    found = tree(tmp_path / "root")
    assert found.pop("many/50.json") == b"old"
    assert found == {f"many/{i}.json": b"x" * 10 for i in range(50)}


def test_temporary_names_tell_whether_their_writer_lives() -> None:
    mine = temporary_name()
    assert is_temporary(mine) and mine.startswith(".") and not mine.endswith(".json") and len(mine) < 100
    assert not is_abandoned(mine, 0.0, older_than=0)
    child = subprocess.run(
        [
            sys.executable,
            "-c",
            "from lightly_assets.storage.disk.temporary import *; print(temporary_name())",
        ],
        capture_output=True,
        text=True,
        env=_environment(),
    ).stdout.strip()
    assert is_temporary(child) and is_abandoned(child, 2e9, older_than=1e9)
    assert is_abandoned(OTHER_MACHINE, 0.0, older_than=60)
    assert not is_abandoned(OTHER_MACHINE, 2e10, older_than=60)


def test_sweeping_removes_what_dead_processes_left_and_nothing_else(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    dead = mark_of_a_dead_process()
    kept = [
        "a/.hidden",
        f"a/{temporary_name()}",
        f"a/{OTHER_MACHINE}",
        "a/.lightly-assets-tmp-notes.json",
        "a/x.json",
    ]
    for name in [*kept, f"a/{dead}", f"a/b/{dead}", f"c/{dead}"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"foreign")
    assert {entry.key for entry in store.list()} == {kept[0], kept[3], kept[4]}
    assert store.sweep("a", older_than=3600) == 2
    assert store.sweep(older_than=3600) == 1
    assert sorted(tree(tmp_path)) == sorted(kept)


def mark_of_a_dead_process() -> str:
    _, home, pid, start, count = temporary_name().removeprefix(MARK[:-1]).split("-")
    return f"{MARK}{home}-{pid}-{int(start) + 1}-{count}"  # a process id that was used again


def test_what_is_published_is_flushed_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    flush, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        done.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink()}")
        flush(descriptor)

    def renamed(source: str, target: str, **folders: int) -> None:
        done.append(f"replace {target}")
        replace(source, target, **folders)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", renamed)
    store = open_store(tmp_path)
    store.write_many([("task/1.json", b"1"), ("task/2.json", b"2")])
    assert [step for step in done if step.startswith("fsync")] == []
    done.clear()
    store.sync()
    assert {f"fsync {tmp_path}/task/1.json", f"fsync {tmp_path}/task", f"fsync {tmp_path}"} <= set(done)
    done.clear()
    store.put_if("tasks.json", b"[]", None)
    assert MARK in done[0] and done[0].startswith("fsync")
    assert done[1:] == ["replace tasks.json", f"fsync {tmp_path}/tasks.json", f"fsync {tmp_path}"]


def test_many_files_are_flushed_by_one_barrier(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write_many((f"{i}", b"x") for i in range(500))
    store.sync()
    store.sync()


def test_urls_of_folders(tmp_path: Path) -> None:
    (tmp_path / "a b#c").mkdir()
    for url in (tmp_path / "a b#c", str(tmp_path / "a b#c"), f"file://{tmp_path}/a%20b%23c"):
        assert open_store(url).url == str(tmp_path / "a b#c")
    for url, problem in {
        "ftp://host/x": "not ftp",
        "file://host/x": "another machine",
        "s3://": "bucket",
        "s3://key:secret@bucket/x": "credentials",
    }.items():
        with pytest.raises(StorageError, match=problem) as caught:
            open_store(url)
        assert "secret" not in str(caught.value)


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write("a/b.json", b"x")
    for action in (
        lambda: store.write("a", b"x"),
        lambda: store.write("a/b.json/c", b"x"),
        lambda: store.read("a"),
    ):
        with pytest.raises(StorageError) as caught:
            action()
        assert not isinstance(caught.value, Unavailable)
    assert tree(tmp_path) == {"a/b.json": b"x"}


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path.cwd())}


def test_both_kinds_fit_the_protocol(disk: Store) -> None:
    accepted: Store = LocalStore(Path("/nowhere"))
    assert accepted.url == "/nowhere"


def test_who_syncs_waits_for_what_another_thread_is_flushing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.write("a/1.json", b"{}")
    begun, go_on, flushed = threading.Event(), threading.Event(), os.fsync

    def slowly(descriptor: int) -> None:
        begun.set()
        assert go_on.wait(10)
        flushed(descriptor)

    monkeypatch.setattr(os, "fsync", slowly)
    threads = [threading.Thread(target=store.sync, daemon=True) for _ in range(2)]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_what_another_thread_could_not_flush_is_flushed_by_who_waited_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.write("a/1.json", b"{}")
    begun, go_on, flushed = threading.Event(), threading.Event(), os.fsync
    calls: list[str] = []
    told: dict[str, str] = {}

    def first_fails(descriptor: int) -> None:
        calls.append(threading.current_thread().name)
        if len(calls) == 1:
            begun.set()
            assert go_on.wait(10)
            raise OSError(errno.EIO, "the disk is gone")
        flushed(descriptor)

    def sync() -> None:
        try:
            store.sync()
        except StorageError as error:
            told[threading.current_thread().name] = str(error)

    monkeypatch.setattr(os, "fsync", first_fails)
    threads = [threading.Thread(target=sync, name=name, daemon=True) for name in ("first", "second")]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive() and calls == ["first"]
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert list(told) == ["first"] and "second" in calls


def test_who_syncs_does_not_wait_for_flushes_that_begin_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.write("a/1.json", b"{}")
    begun, go_on, late = threading.Event(), threading.Event(), threading.Event()
    flushed = os.fsync

    def slowly(descriptor: int) -> None:
        if threading.current_thread().name == "first":
            begun.set()
            assert go_on.wait(10)
        elif threading.current_thread().name == "late":
            late.set()
            assert done.wait(10)
        flushed(descriptor)

    done = threading.Event()

    def waits() -> None:
        store.sync()
        done.set()

    monkeypatch.setattr(os, "fsync", slowly)
    first = threading.Thread(target=store.sync, name="first", daemon=True)
    first.start()
    assert begun.wait(10)
    waiting = threading.Thread(target=waits, name="waits", daemon=True)
    waiting.start()
    waiting.join(0.3)
    store.write("a/2.json", b"{}")
    threading.Thread(target=store.sync, name="late", daemon=True).start()
    assert late.wait(10)
    go_on.set()
    waiting.join(10)
    assert done.is_set()


def test_many_threads_may_sync_at_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    failed: list[Exception] = []

    def work(name: int) -> None:
        try:
            for number in range(40):
                store.write(f"{name}/{number}.json", b"{}")
                store.sync()
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
