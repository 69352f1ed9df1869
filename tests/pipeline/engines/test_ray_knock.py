"""A run looks who listens at the address of its Ray cluster, before Ray waits for it for minutes."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest

from lightly_assets.pipeline.engines.cluster import ray_crew
from lightly_assets.pipeline.engines.errors import EngineError


@contextmanager
def silent() -> Iterator[int]:
    """It takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def hangs_up() -> Iterator[int]:
    """It takes one connection, and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        yield server.getsockname()[1]


@contextmanager
def http() -> Iterator[int]:
    """As Ray's dashboard does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("who", [silent, hangs_up, http])
def test_what_is_no_ray_is_told_at_once(
    who: Callable[[], AbstractContextManager[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_crew, "_KNOCK_SECONDS", 1.0)
    with who() as port, pytest.raises(EngineError) as caught:
        ray_crew._knock(f"127.0.0.1:{port}")
    assert str(caught.value) == (
        f"There is no Ray cluster at 127.0.0.1:{port} (what listens there is something else; a head's own "
        "port is 6379); start one with 'ray start --head', or say in engine.address where it is."
    )


def test_a_grpc_server_is_let_through() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        ray_crew._knock(f"127.0.0.1:{port}")
    finally:
        server.stop(None).wait()
