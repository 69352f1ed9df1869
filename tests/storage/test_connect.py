"""Where credentials, endpoint and region come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightly_assets.storage import Denied, StorageError, StorageSettings, open_store
from lightly_assets.storage.connect import endpoint_of, is_loopback, region_of
from tests.storage.servers import ACCESS_KEY, BUCKET, SECRET_KEY, Server


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def test_a_profile_of_the_configuration_files(
    seaweed_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text(
        f"[default]\naws_access_key_id = x\naws_secret_access_key = wrong\n"
        f"[team]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    options = StorageSettings(endpoint=seaweed_server.url, region="us-east-1")
    with pytest.raises(Denied):
        open_store(f"s3://{BUCKET}/p/", options=options).write("a", b"x")
    store = open_store(f"s3://{BUCKET}/p/", options=options.model_copy(update={"profile": "team"}))
    store.write("a", b"x")
    monkeypatch.setenv("AWS_PROFILE", "team")
    assert open_store(f"s3://{BUCKET}/p/", options=options).read("a") == b"x"
    with pytest.raises(Denied, match="'nobody'"):
        open_store(f"s3://{BUCKET}/p/", options=StorageSettings(profile="nobody"))
    config = tmp_path / "config"
    config.write_text("[profile broken]\ncredential_process = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(Denied, match="'broken'"):
        open_store(f"s3://{BUCKET}/p/", options=StorageSettings(profile="broken"))


def test_what_is_set_wins_over_the_environment() -> None:
    environment = {
        "AWS_ENDPOINT_URL": "http://a",
        "AWS_ENDPOINT_URL_S3": "http://b",
        "AWS_DEFAULT_REGION": "r",
    }
    assert endpoint_of(StorageSettings(), environment) == "http://b"
    assert endpoint_of(StorageSettings(endpoint="http://c"), environment) == "http://c"
    assert endpoint_of(StorageSettings(), {}) is None
    assert region_of(StorageSettings(), environment) == "r"
    assert region_of(StorageSettings(region="q"), environment) == "q"


def test_plain_http_only_on_loopback_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    with pytest.raises(StorageError, match="not safe"):
        open_store("s3://b/", options=StorageSettings(endpoint="http://storage.example:9000"))
    open_store("s3://b/", options=StorageSettings(endpoint="http://storage.example:9000", allow_http=True))
    assert [
        host for host in ("127.0.0.1", "::1", "localhost", "10.0.0.1", "localhost.evil") if is_loopback(host)
    ] == [
        "127.0.0.1",
        "::1",
        "localhost",
    ]


def test_every_option_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    options = StorageSettings(
        endpoint="https://storage.example",
        region="eu-central-1",
        path_style=False,
        requester_pays=True,
        server_side_encryption="aws:kms",
        kms_key_id="key",
        concurrency=4,
    )
    for url in ("s3://bucket/x", "gs://bucket/x"):
        assert open_store(url, options=options).url == f"{url}/"
    (tmp_path / "empty.pem").write_text("")
    for name, problem in (("missing.pem", "cannot be read"), ("empty.pem", "no certificate")):
        with pytest.raises(StorageError, match=f"{name} .*{problem}"):
            open_store("s3://bucket/", options=StorageSettings(ca_file=tmp_path / name))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / name))
        with pytest.raises(StorageError, match=f"{name} .*{problem}"):
            open_store("s3://bucket/")


@pytest.mark.parametrize(
    ("url", "options", "problem"),
    [
        ("s3://bucket/", {"kms_key_id": "key"}, "does nothing without `server_side_encryption"),
        ("s3://bucket/", {"kms_key_id": "key", "server_side_encryption": "AES256"}, "does nothing without"),
        ("s3://bucket/", {"endpoint": "https://storage.example/bucket/"}, "ends in the bucket"),
        ("s3://bucket/a//b", {}, "s3://bucket/a//b names no folder"),
        ("s3:bucket/a", {}, "write s3://"),
        ("S3:/bucket/a", {}, "write s3://"),
        ("az://container/a", {}, "AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, url: str, options: dict[str, str], problem: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    with pytest.raises(StorageError, match=problem):
        open_store(url, options=StorageSettings.model_validate(options))


def test_an_anonymous_reader_needs_no_credentials(seaweed_server: Server) -> None:
    store = open_store(
        f"s3://{BUCKET}/p/", options=StorageSettings(endpoint=seaweed_server.url, anonymous=True)
    )
    with pytest.raises(Denied):  # the server of the tests lets nobody in without
        store.read("a")


def test_encryption_and_payment_headers_are_sent(
    seaweed_server: Server, proxy: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweed_server.environment(proxy.port).items():
        monkeypatch.setenv(name, value)
    options = StorageSettings(requester_pays=True, server_side_encryption="AES256", conditional_writes=True)
    open_store(f"s3://{BUCKET}/sse/", options=options).write("a", b"x")
    headers = proxy.headers[-1]
    assert headers["x-amz-request-payer"] == "requester"
    assert headers["x-amz-server-side-encryption"] == "AES256"
