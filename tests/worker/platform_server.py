"""A server on loopback in the place of the Lightly platform: it records what the real SDK sends.

Requests are parsed and answers made with the SDK's own generated models, so both are what the API's
description allows. What the platform itself would do with them is not known here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from lightly.openapi_generated.swagger_client.models import (
    CreateEntityResponse,
    DatasetCreateRequest,
    DatasetData,
    DatasourceConfig,
    DockerRunScheduledCreateRequest,
    DockerRunScheduledData,
    DockerWorkerConfigOmniV4CreateRequest,
    DockerWorkerRegistryEntryData,
)

TOKEN = "0123456789abcdef-token"
DATASET_ID = "a" * 24
CONFIG_ID = "c" * 24
RUN_ID = "e" * 24


@dataclass
class Request:
    method: str
    path: str
    body: Any
    token: str | None


@dataclass
class Failure:
    """What to answer instead, ``times`` times; status 0 closes the connection."""

    path: str
    status: int
    times: int
    method: str = "POST"
    done_anyway: bool = False


@dataclass
class Platform:
    """The state of the platform, and what it was asked."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    datasets: list[dict[str, Any]] = field(default_factory=list)
    purposes: list[str] = field(default_factory=lambda: ["INPUT", "LIGHTLY"])
    worker_labels: list[list[str]] = field(default_factory=lambda: [[]])
    scheduled: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def add_dataset(self, name: str, dataset_type: str) -> None:
        data = {
            "id": DATASET_ID,
            "name": name,
            "userId": "user",
            "type": dataset_type,
            "nSamples": 0,
            "sizeInBytes": 0,
            "createdAt": 1,
            "lastModifiedAt": 1,
        }
        self.datasets.append(DatasetData.from_dict(data).to_dict(by_alias=True))

    def sent(self, method: str, path: str) -> list[Any]:
        """The bodies of requests to a path."""
        return [one.body for one in self.requests if (one.method, one.path) == (method, path)]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        match method, path.removeprefix("/v1/").split("/"):
            case "GET", ["versions", *_]:
                return 200, "1.0.0"
            case "GET", ["datasets", "query", "name", name]:
                return 200, [one for one in self.datasets if one["name"] == unquote(name)]
            case "POST", ["datasets"]:
                request = DatasetCreateRequest.from_dict(body)
                self.add_dataset(request.name, request.type)
                return 201, CreateEntityResponse(id=DATASET_ID).to_dict()
            case "GET", ["datasets", dataset_id] if any(one["id"] == dataset_id for one in self.datasets):
                return 200, self.datasets[0]
            case "GET", ["datasets", _, "datasource", "all"]:
                return 200, [self._datasource(purpose) for purpose in self.purposes]
            case "POST", ["docker", "worker", "config", "vX"]:
                DockerWorkerConfigOmniV4CreateRequest.from_dict(body)
                return 201, CreateEntityResponse(id=CONFIG_ID).to_dict()
            case "POST", ["datasets", dataset_id, "docker", "worker", "schedule"]:
                request = DockerRunScheduledCreateRequest.from_dict(body)
                self.scheduled.append(self._scheduled(dataset_id, request))
                return 201, CreateEntityResponse(id=RUN_ID).to_dict()
            case "GET", ["datasets", _, "docker", "worker", "schedule"]:
                return 200, self.scheduled
            case "GET", ["docker", "worker"]:
                return 200, [self._worker(labels) for labels in self.worker_labels]
        return 404, {"code": "NOT_FOUND", "error": f"no {path} for {TOKEN}"}

    def _datasource(self, purpose: str) -> Any:
        data = {"type": "LOCAL", "purpose": purpose, "fullPath": "streets"}
        return DatasourceConfig.from_dict(data).to_dict(by_alias=True)

    def _scheduled(self, dataset_id: str, request: Any) -> Any:
        data = request.to_dict(by_alias=True)
        data.pop("creator")
        data |= {"id": RUN_ID, "datasetId": dataset_id, "state": "OPEN", "createdAt": 1, "lastModifiedAt": 1}
        return DockerRunScheduledData.from_dict(data).to_dict(by_alias=True)

    def _worker(self, labels: list[str]) -> Any:
        data = {
            "id": "f" * 24,
            "userId": "user",
            "name": "worker",
            "workerType": "FULL",
            "state": "IDLE",
            "createdAt": 1,
            "lastModifiedAt": 1,
            "labels": labels,
        }
        return DockerWorkerRegistryEntryData.from_dict(data).to_dict(by_alias=True)

    def failure(self, method: str, path: str) -> Failure | None:
        for one in self.failures:
            if one.times and one.method == method and one.path in path:
                one.times -= 1
                return one
        return None


def lead_to(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which the SDK talks to this server, and to no other."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "LIGHTLY_CA_CERTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIGHTLY_SERVER_LOCATION", platform.url)
    monkeypatch.setenv("LIGHTLY_TOKEN", TOKEN)


@contextmanager
def serve() -> Iterator[Platform]:
    platform = Platform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.handle_request("GET")

        def do_POST(self) -> None:
            self.handle_request("POST")

        def handle_request(self, method: str) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            token = parse_qs(url.query).get("token", [None])[0]
            platform.requests.append(Request(method, url.path, body, token))
            failure = platform.failure(method, url.path)
            if failure is not None and failure.done_anyway:
                platform.answer(method, url.path, body)
            if failure is not None and failure.status == 0:
                self.close_connection = True
                return
            if token != TOKEN and "/versions/" not in url.path:
                self.reply(401, {"code": "UNAUTHORIZED", "error": f"token {token} is invalid"})
            elif failure is not None:
                self.reply(failure.status, {"code": "BAD_REQUEST", "error": "not today"})
            else:
                self.reply(*platform.answer(method, url.path, body))

        def reply(self, status: int, document: Any) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    platform.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield platform
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
