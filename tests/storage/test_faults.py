"""A network that misbehaves by a seeded script, in front of a real server."""

from __future__ import annotations

import threading
import time

import pytest
from obstore.exceptions import GenericError

from lightly_assets.storage import Changed, Conflict, Denied, NotFound, StorageError, Store, Unavailable
from lightly_assets.storage.bucket.native_errors import translated
from tests.storage.conftest import Opener
from tests.storage.proxy import TRANSIENT, Fault, FaultProxy, seeded
from tests.storage.servers import Server


@pytest.mark.parametrize("seed", range(4))
def test_everything_arrives_through_a_bad_network(behind_proxy: Store, proxy: FaultProxy, seed: int) -> None:
    proxy.script = seeded(seed, 0.15)
    wanted = {f"f/{i:03d}.json": str(i).encode() * 500 for i in range(40)}
    assert behind_proxy.write_many(wanted.items()) == 40
    version = None
    for step in range(5):
        version = behind_proxy.put_if("tasks.json", b"%d" % step, version)
    assert behind_proxy.read_versioned("tasks.json") == (b"4", version)
    assert {key: behind_proxy.read(key) for key in behind_proxy.names("f")} == wanted
    for entry in list(behind_proxy.list("f"))[:5]:
        with behind_proxy.local_file(entry) as path:
            assert path.read_bytes() == wanted[entry.key]
    behind_proxy.delete_many(list(wanted))
    assert list(behind_proxy.names("f")) == []
    assert proxy.faults, "the script spoiled nothing, so this proved nothing"


def test_a_reply_that_was_lost_is_no_conflict(behind_proxy: Store, proxy: FaultProxy) -> None:
    lost = iter(["lost reply"])
    proxy.script = lambda method, path: next(lost, None) if method == "PUT" else None
    version = behind_proxy.put_if("tasks.json", b"mine", None)
    lost = iter(["lost reply"])
    behind_proxy.put_if("tasks.json", b"mine again", version)
    assert behind_proxy.read("tasks.json") == b"mine again"
    with pytest.raises(Conflict):
        behind_proxy.put_if("tasks.json", b"late", version)


def test_after_a_lost_reply_another_writer_still_counts(
    behind_proxy: Store, proxy: FaultProxy, opener: Opener, seaweed_server: Server
) -> None:
    direct = opener(seaweed_server, root=behind_proxy.url.split("/")[3])
    version = behind_proxy.put_if("tasks.json", b"old", None)

    def script(method: str, path: str) -> str | None:
        if method != "PUT" or "tasks.json" not in path:
            return None
        proxy.script = lambda method, path: None
        direct.write("tasks.json", b"somebody else's")
        return "reset"

    proxy.script = script
    with pytest.raises(Conflict):
        behind_proxy.put_if("tasks.json", b"mine", version)
    assert direct.read("tasks.json") == b"somebody else's"


def test_refused_access_is_told_at_once(behind_proxy: Store, proxy: FaultProxy) -> None:
    proxy.script = lambda method, path: "403"
    for action in (
        lambda: behind_proxy.write("a", b"x"),
        lambda: behind_proxy.read("a"),
        lambda: list(behind_proxy.list()),
        lambda: list(behind_proxy.names()),
        lambda: behind_proxy.put_if("a", b"x", None),
        lambda: behind_proxy.delete_many(["a"]),
        lambda: behind_proxy.stat("a"),
    ):
        proxy.requests.clear()
        with pytest.raises(Denied, match="403") as caught:
            action()
        assert len(proxy.requests) == 1, "a refusal is never retried"
        assert not caught.value.retriable


def test_refused_access_stops_a_large_publication(behind_proxy: Store, proxy: FaultProxy) -> None:
    proxy.script = lambda method, path: "403"
    with pytest.raises(Denied):
        behind_proxy.write_many((f"{i}", b"x") for i in range(5000))
    assert len(proxy.requests) <= 32


@pytest.mark.parametrize("fault", TRANSIENT)
def test_that_something_is_missing_is_seen_through_a_bad_network(
    behind_proxy: Store, proxy: FaultProxy, fault: Fault
) -> None:
    for action in (
        behind_proxy.read,
        behind_proxy.read_versioned,
        lambda key: behind_proxy.read_range(key, 0, 9),
    ):
        for faults in ([fault], ["503", fault, "reset"]):
            left = iter(faults)
            proxy.script = lambda method, path, left=left: next(left, None)
            with pytest.raises(NotFound):
                action("missing")
    proxy.script = seeded(1, 0.5, (fault,))
    assert behind_proxy.stat("missing") is None


@pytest.mark.parametrize("fault", ["429", "503", "reset", "truncated reply"])
def test_retries_are_bounded_and_in_one_layer(
    opener: Opener, seaweed_server: Server, proxy: FaultProxy, fault: str
) -> None:
    store = opener(seaweed_server, port=proxy.port, max_retries=3, conditional_writes=True)
    store.write("a", b"x" * 1000)
    proxy.reset()
    proxy.script = lambda method, path: fault
    for action in (lambda: store.read("a"), lambda: store.put_if("b", b"x", None)):
        if fault == "truncated reply" and proxy.requests:
            continue  # the reply to a write has no body that could be cut off
        proxy.requests.clear()
        with pytest.raises(Unavailable) as caught:
            action()
        assert 1 < len(proxy.requests) <= 4
        assert caught.value.retriable


def test_a_silent_server_is_given_up(opener: Opener, seaweed_server: Server, proxy: FaultProxy) -> None:
    store = opener(seaweed_server, port=proxy.port, max_retries=1, stall_seconds=0.3, conditional_writes=True)
    proxy.script = lambda method, path: "stalled"
    for action in (
        lambda: store.read("a"),
        lambda: store.write("a", b"x"),
        lambda: store.put_if("a", b"", None),
    ):
        started = time.monotonic()
        with pytest.raises(Unavailable):
            action()
        assert time.monotonic() - started < 5


def test_a_download_that_is_cut_off_resumes_or_fails_but_never_mixes(
    behind_proxy: Store, proxy: FaultProxy
) -> None:
    old, new = b"o" * 30_000_000, b"n" * 30_000_000
    behind_proxy.write("clip.mp4", old)
    entry = next(behind_proxy.list())
    replaced = threading.Event()

    def script(method: str, path: str) -> str | None:
        if method == "GET" and not replaced.is_set():
            replaced.set()
            behind_proxy.write("clip.mp4", new)
            return "truncated reply"
        return None

    proxy.script = script
    with pytest.raises((Changed, Unavailable)) as caught, behind_proxy.local_file(entry):
        pytest.fail("half of each version was handed out")
    assert replaced.is_set() and caught.value.retriable
    with behind_proxy.local_file(next(behind_proxy.list())) as path:
        assert path.read_bytes() == new


def test_a_listing_that_breaks_off_goes_on_behind_the_last_key(
    behind_proxy: Store, proxy: FaultProxy
) -> None:
    wanted = [f"{i:05d}" for i in range(3500)]
    behind_proxy.write_many((name, b"") for name in wanted)
    proxy.reset()
    faults = iter([None, "truncated reply", "503", None, "reset"])
    proxy.script = lambda method, path: next(faults, None)
    assert [entry.key for entry in behind_proxy.list()] == wanted
    assert len(proxy.requests) == 4 + 3


def test_one_request_a_file(behind_proxy: Store, proxy: FaultProxy) -> None:
    behind_proxy.write_many((f"{i}.json", b"x") for i in range(200))
    assert len(proxy.requests) == 200
    proxy.requests.clear()
    behind_proxy.delete_many([f"{i}.json" for i in range(200)])
    assert len(proxy.requests) == 1


def test_update_through_a_bad_network_applies_each_change_once(
    behind_proxy: Store, proxy: FaultProxy
) -> None:
    proxy.script = seeded(99, 0.2)

    def add(name: str) -> None:
        behind_proxy.update("tasks.json", lambda content: _with_name(content or b"", name.encode()))

    threads = [threading.Thread(target=add, args=(f"[{i:02d}]",)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    proxy.reset()
    content = behind_proxy.read("tasks.json").decode()
    assert sorted(content[i : i + 4] for i in range(0, len(content), 4)) == [f"[{i:02d}]" for i in range(12)]


def _with_name(content: bytes, name: bytes) -> bytes:
    return content if name in content else content + name


def test_a_wrong_clock_is_named(behind_proxy: Store, proxy: FaultProxy) -> None:
    proxy.error_body = "<Error><Code>RequestTimeTooSkewed</Code></Error>"
    proxy.script = lambda method, path: "403"
    with pytest.raises(Denied, match="clock is wrong"):
        behind_proxy.write("a", b"x")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("301", "<Error><Code>PermanentRedirect</Code></Error>"),  # without a Location, as AWS does it
        ("400", "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"),
    ],
)
def test_a_wrong_region_is_named_at_once(
    behind_proxy: Store, proxy: FaultProxy, status: Fault, body: str
) -> None:
    proxy.error_body = body
    proxy.script = lambda method, path: status
    for action in (lambda: behind_proxy.write("a", b"x"), lambda: list(behind_proxy.list())):
        proxy.requests.clear()
        with pytest.raises(StorageError, match=r"another region.*set `region`") as caught:
            action()
        assert len(proxy.requests) == 1 and not caught.value.retriable
        assert ("eu-west-1" in str(caught.value)) == ("eu-west-1" in body)


def test_a_certificate_that_is_not_trusted_is_named() -> None:
    text = """HTTP error: error sending request
    uri: Some(https://store.example:9000/bucket?list-type=2,), retries: 8, max_retries: 8,
    HttpError { kind: Connect, source: reqwest::Error { error: InvalidCertificate(
        UnknownIssuer,
    ) } }"""
    told = translated(GenericError(text), "s3://b/")
    assert "store.example:9000 is not trusted (UnknownIssuer)" in str(told) and not told.retriable


def test_no_server_at_all(opener: Opener, seaweed_server: Server) -> None:
    store = opener(seaweed_server, port=9, max_retries=1)
    with pytest.raises(Unavailable, match=r"the store at 127\.0\.0\.1:9 could not be reached"):
        store.read("a")


def test_a_missing_bucket_is_named(seaweed_server: Server, opener: Opener, rclone_server: Server) -> None:
    from lightly_assets.storage import open_store

    opener(rclone_server)
    store = open_store("s3://no-such-bucket/x/")
    with pytest.raises(StorageError, match="bucket does not exist"):
        list(store.list())
