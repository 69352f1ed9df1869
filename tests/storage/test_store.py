"""What every store promises, wherever the bytes lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lightly_assets.storage import (
    Changed,
    Conflict,
    NotFound,
    StorageError,
    Store,
    diagnose,
)

NAMES = ["a b.json", "a#b?c%25%+&=.json", "sub.dir/v1.2-07-mp4.json", "ü/é.json", "😀.json"]
NAMES += ["[x]{y}*~^'\".json"]
HOSTILE = [
    "",
    "/abs",
    "../up",
    "a/../../up",
    "a/./b",
    "a//b",
    "a\\b",
    "a\nb",
    "a\tb",
    "a\x00b",
    "a\x7f",
    "\ud800",
]
HOSTILE += ["x" * 256, "/".join(["d" * 200] * 6)]


def keys(store: Store, prefix: str = "") -> list[str]:
    return [entry.key for entry in store.list(prefix)]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_survives_as_it_is(store: Store, name: str) -> None:
    store.write(f"folder/{name}", name.encode())
    assert store.read(f"folder/{name}") == name.encode()
    assert keys(store) == list(store.names()) == [f"folder/{name}"]
    found = store.stat(f"folder/{name}")
    listed = next(store.list())
    assert found is not None
    assert (found.key, found.size, found.fingerprint) == (listed.key, listed.size, listed.fingerprint)
    assert found.size == len(name.encode())
    assert abs(found.modified - datetime.now(UTC)) < timedelta(minutes=1)
    store.delete_many([f"folder/{name}"])
    assert keys(store, "folder") == []


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_keys_are_refused_everywhere(store: Store, key: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for action in (
        lambda: store.read(key),
        lambda: store.stat(key),
        lambda: store.read_range(key, 0, 1),
        lambda: store.read_versioned(key),
        lambda: store.write(key, b"x"),
        lambda: store.write_many([(key, b"x")]),
        lambda: store.put_if(key, b"x", None),
        lambda: store.upload(key, source),
        lambda: store.delete_many([key]),
    ):
        with pytest.raises(StorageError) as caught:
            action()
        assert str(caught.value).isprintable()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_listing_goes_on_behind_any_key(store: Store) -> None:
    for key in ("a.mp4", "a/1.mp4", "a/2/x.mp4", "a/3.mp4", "b/.hidden/y.mp4", "b/z.mp4", "c.mp4"):
        store.write(key, b"x")
    everything = keys(store)
    for number, key in enumerate(everything):
        assert [entry.key for entry in store.list(after=key)] == everything[number + 1 :]
    assert [entry.key for entry in store.list(after="a/2/x.mp4", skip=("b/.hidden/",))] == [
        key for key in everything[everything.index("a/2/x.mp4") + 1 :] if ".hidden" not in key
    ]
    assert [entry.key for entry in store.list("a", after="a/2/x.mp4")] == ["a/3.mp4"]


def test_listing_is_ordered_pruned_and_limited_to_a_folder(store: Store) -> None:
    names = ["a/1", "a/2", "a.x", "ab/1", ".lightly/p/1", ".lightly/p/q/2", "b/.lightly/1", "z"]
    assert store.write_many((name, b"x") for name in names) == len(names)
    assert sorted(keys(store)) == sorted(store.names()) == sorted(names)
    assert keys(store) == keys(store)
    assert keys(store, "a") == keys(store, "a/") == ["a/1", "a/2"]
    kept = [name for name in keys(store) if not name.startswith(".lightly/")]
    assert [entry.key for entry in store.list(skip=(".lightly/",))] == kept
    assert [entry.key for entry in store.list(skip=lambda folder: folder == ".lightly/")] == kept
    assert keys(store, "nothing/here") == []


def test_a_large_folder_is_pruned_without_losing_its_neighbours(store: Store) -> None:
    around = ["a/1", "b.json", "b0", "c/1", "c/2"]
    store.write_many((name, b"") for name in [*around, *(f"b/{i:05d}" for i in range(1300))])
    assert sorted(entry.key for entry in store.list(skip=("b/",))) == around
    assert len(keys(store)) == 1300 + len(around)


def test_missing_things(store: Store) -> None:
    store.write("there", b"x")
    assert store.stat("gone") is None
    assert store.stat("gone/deeper") is None
    for read in (store.read, store.read_versioned, lambda key: store.read_range(key, 0, 1)):
        with pytest.raises(NotFound, match="gone"):
            read("gone")
    assert store.delete_many(["gone", "gone/deeper"]) == 2
    assert keys(store) == ["there"]


def test_many_files_are_written_once_each_and_streamed(store: Store) -> None:
    ahead = 0
    done = {"written": 0}

    def items() -> object:
        nonlocal ahead
        for i in range(1200):
            if i % 200 == 0:
                ahead = max(ahead, i - sum(1 for _ in store.names("many")))
            yield f"many/{i % 7}/{i:04d}.json", str(i).encode()

    done["written"] = store.write_many(items())
    assert done["written"] == 1200
    assert ahead <= 64, "items are drawn as they are written, not collected"
    assert len(list(store.names("many"))) == 1200
    assert store.read(f"many/{1195 % 7}/1195.json") == b"1195"
    assert store.delete_many(list(store.names("many"))) == 1200
    assert keys(store) == []


def test_the_first_error_stops_write_many_and_is_raised(store: Store) -> None:
    drawn = 0

    def items() -> object:
        nonlocal drawn
        for i in range(10_000):
            drawn += 1
            yield (f"ok/{i}" if i != 20 else "../bad"), b"x"

    with pytest.raises(StorageError, match="bad"):
        store.write_many(items())
    assert drawn < 200

    def broken() -> object:
        yield "ok/first", b"x"
        raise ValueError("the source broke")

    with pytest.raises(ValueError, match="the source broke"):
        store.write_many(broken())
    assert not [name for name in store.names() if "tmp" in name]


def test_compare_and_swap(store: Store) -> None:
    first = store.put_if("tasks.json", b"1", None)
    with pytest.raises(Conflict):
        store.put_if("tasks.json", b"x", None)
    content, version = store.read_versioned("tasks.json")
    assert (content, version) == (b"1", first)
    second = store.put_if("tasks.json", b"2", version)
    with pytest.raises(Conflict):
        store.put_if("tasks.json", b"x", first)
    assert store.read_versioned("tasks.json") == (b"2", second)
    store.delete_many(["tasks.json"])
    with pytest.raises(Conflict):
        store.put_if("tasks.json", b"x", second)
    assert [name for name in store.names() if not name.endswith("/lock")] == []


def test_update_leaves_alone_what_needs_no_change(store: Store) -> None:
    assert store.update("a", lambda content: None) is None
    version = store.update("a", lambda content: b"new" if content is None else content + b"!")
    assert store.update("a", lambda content: content) == version
    assert store.read("a") == b"new"


def test_a_local_file_is_pinned_to_the_version_that_was_listed(store: Store) -> None:
    store.write("sub/clip one.mp4", b"version one")
    entry = next(store.list())
    for _ in range(2):
        with store.local_file(entry) as path:
            assert path.read_bytes() == b"version one"
            assert path.suffix == ".mp4"
    store.write("sub/clip one.mp4", b"version two!")
    with pytest.raises(Changed, match="clip one"), store.local_file(entry):
        pytest.fail("another version was handed out")
    store.delete_many([entry.key])
    with pytest.raises(Changed), store.local_file(entry):
        pytest.fail("a missing file was handed out")


def test_upload_and_ranges(store: Store, tmp_path: Path) -> None:
    content = bytes(range(256)) * 80_000  # 20 MB: several parts
    source = tmp_path / "table.parquet"
    source.write_bytes(content)
    store.upload("state/table.parquet", source)
    assert store.read("state/table.parquet") == content
    assert store.read_range("state/table.parquet", 256 * 9 + 5, 4) == bytes([5, 6, 7, 8])
    with store.local_file(next(store.list())) as path:
        assert path.read_bytes() == content


def test_the_doctor_is_content_with_an_empty_root_that_can_be_written(store: Store) -> None:
    assert [finding for finding in diagnose(store, writable=True) if not finding.ok] == []


def test_the_doctor_finds_nothing_wrong_and_leaves_nothing(store: Store) -> None:
    store.write("clip.mp4", b"x")
    found = diagnose(store, writable=True)
    assert [(finding.name, finding.message) for finding in found if not finding.ok] == []
    assert {"list", "read a range", "write and delete", "compare and swap"} <= {f.name for f in found}
    assert [name for name in store.names() if not name.endswith("/lock")] == ["clip.mp4"]
    assert [finding.name for finding in diagnose(store, writable=False)] == ["list", "read a range"]
