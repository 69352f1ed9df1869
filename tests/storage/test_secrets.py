"""Keys and tokens appear in nothing that people or machines may see."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from lightly_assets.storage import Denied, StorageError, StorageSettings, Store, diagnose, open_store
from tests.storage.conftest import Opener
from tests.storage.proxy import FaultProxy
from tests.storage.servers import ACCESS_KEY, SECRET_KEY, Server

TOKEN = "canary-session-token-55aa"


def everything_visible(error: BaseException) -> str:
    """The error as tracebacks, logs and serialisers may show it, with all that hangs on it."""
    parts = [str(error), repr(error), repr(vars(error)), repr(error.args)]
    parts += traceback.format_exception(error)
    for linked in (error.__cause__, error.__context__):
        if linked is not None:
            parts.append(everything_visible(linked))
    parts.append(repr(pickle.dumps(str(error))))
    return "\n".join(parts)


def actions(store: Store) -> list[Callable[[], object]]:
    return [
        lambda: store.read("a"),
        lambda: store.write("a", b"x"),
        lambda: store.write_many([("a", b"x"), ("b", b"x")]),
        lambda: store.put_if("a", b"x", None),
        lambda: store.delete_many(["a"]),
        lambda: list(store.list()),
        lambda: store.stat("a"),
    ]


@pytest.mark.parametrize("server", ["seaweed_server", "rclone_server"])
def test_wrong_credentials_are_refused_without_being_shown(
    server: str,
    request: pytest.FixtureRequest,
    opener: Opener,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG, logger="lightly_assets")
    opener(request.getfixturevalue(server))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY + "-wrong")
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    store = open_store("s3://bucket/x/", options=StorageSettings(conditional_writes=True))
    shown = [repr(store), str(store), store.url, repr(vars(store))]
    for action in actions(store):
        with pytest.raises(Denied) as caught:
            action()
        shown.append(everything_visible(caught.value))
    shown += [repr(finding) for finding in diagnose(store, writable=True)]
    shown += [caplog.text, *capfd.readouterr()]
    assert_no_secrets("\n".join(shown))


def test_what_a_server_repeats_is_not_passed_on(
    behind_proxy: Store, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 repeats an expired token in its reply."""
    proxy.error_body = (
        f"<Error><Code>ExpiredToken</Code><Message>The token {TOKEN} of {SECRET_KEY} has expired</Message>"
        f"<Token-0>{TOKEN}</Token-0></Error>"
    )
    for fault in ("400", "403"):
        proxy.script = lambda method, path, fault=fault: fault
        # Replies to HEAD, which stat sends, have no body that could say why.
        for action in actions(behind_proxy)[:-1]:
            with pytest.raises(Denied, match="expired") as caught:
                action()
            assert_no_secrets(everything_visible(caught.value))


def test_missing_credentials_are_told_before_anything_is_sent(
    seaweed_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Denied, match="AWS_ACCESS_KEY_ID"):
        open_store("s3://bucket/x/")
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweed_server.url)
    with pytest.raises(Denied, match="AWS_ACCESS_KEY_ID"):
        open_store("s3://bucket/x/")


def test_credentials_in_settings_or_urls_are_refused() -> None:
    for options in ({"endpoint": f"http://{ACCESS_KEY}:{SECRET_KEY}@127.0.0.1:1"},):
        with pytest.raises(StorageError) as caught:
            open_store("s3://bucket/", options=StorageSettings(**options))
        assert_no_secrets(everything_visible(caught.value))
    with pytest.raises(StorageError) as caught:
        open_store(f"s3://{ACCESS_KEY}:{SECRET_KEY}@bucket/")
    assert_no_secrets(everything_visible(caught.value))
    with pytest.raises(ValidationError, match="secret_access_key") as refused:
        StorageSettings.model_validate({"secret_access_key": SECRET_KEY})
    assert_no_secrets(str(refused.value))


def assert_no_secrets(text: str) -> None:
    for secret in (SECRET_KEY, TOKEN):
        assert secret not in text
