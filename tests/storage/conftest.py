from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lightly_assets.storage import StorageSettings, Store, open_store
from tests.storage.proxy import FaultProxy
from tests.storage.servers import BUCKET, Server, rclone, seaweedfs


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with seaweedfs(_folder(tmp_path_factory)) as server:
        yield server


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with rclone(_folder(tmp_path_factory)) as server:
        yield server


def _folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp("server") / "data"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials and no configuration but those that a test sets."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))


Opener = Callable[..., Store]


@pytest.fixture
def opener(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Opener:
    """Opens a fresh root on a server, or at another port in front of it."""

    def open_on(server: Server, *, port: int | None = None, root: str = "", **options: object) -> Store:
        for name, value in server.environment(port).items():
            monkeypatch.setenv(name, value)
        url = f"s3://{BUCKET}/{root or uuid4().hex}/"
        return open_store(url, options=StorageSettings(**options), cache_dir=tmp_path / "cache")

    return open_on


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    return open_store(tmp_path / "root")


@pytest.fixture
def seaweed(opener: Opener, seaweed_server: Server) -> Store:
    return opener(seaweed_server)


@pytest.fixture
def unconditional(opener: Opener, rclone_server: Server) -> Store:
    """A store on a server without conditional writes."""
    return opener(rclone_server)


@pytest.fixture(params=["disk", "seaweed", "unconditional"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each kind of store in turn."""
    found: Store = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def proxy(seaweed_server: Server) -> Iterator[FaultProxy]:
    with FaultProxy(seaweed_server.port).running() as running:
        yield running


@pytest.fixture
def behind_proxy(opener: Opener, seaweed_server: Server, proxy: FaultProxy) -> Store:
    """A store that reaches its server through the fault proxy, with short timeouts."""
    return opener(seaweed_server, port=proxy.port, stall_seconds=2, retry_seconds=30, conditional_writes=True)
