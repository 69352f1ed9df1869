"""An HTTP proxy on loopback that spoils chosen requests, and counts all of them."""

from __future__ import annotations

import http.client
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal[
    "301", "400", "403", "429", "500", "503", "reset", "lost reply", "truncated reply", "slow", "stalled"
]
"""
``reset``: the connection breaks before the server sees the request; ``lost reply``: after it has done its
work; ``truncated reply``: in the middle of the body; ``stalled``: nothing ever comes.
"""
Script = Callable[[str, str], Fault | None]
"""Called with the method and the path of each request, in the order of their arrival."""

TRANSIENT: tuple[Fault, ...] = ("429", "500", "503", "reset", "lost reply", "truncated reply", "slow")


def no_faults(method: str, path: str) -> Fault | None:
    return None


def seeded(seed: int, rate: float, faults: tuple[Fault, ...] = TRANSIENT) -> Script:
    """Spoils a share of the requests, the same ones for the same seed and order."""
    source = random.Random(seed)
    lock = threading.Lock()

    def script(method: str, path: str) -> Fault | None:
        with lock:
            return source.choice(faults) if source.random() < rate else None

    return script


_LISTED_TIME = re.compile(rb"(?<=<LastModified>)[^<]+")


def _later_in_xml(ahead: timedelta, found: re.Match[bytes]) -> bytes:
    return (datetime.fromisoformat(found[0].decode()) + ahead).isoformat().encode()


class FaultProxy:
    """Forwards to a server on loopback; ``script`` can be replaced at any time."""

    def __init__(self, target: int) -> None:
        self.script: Script = no_faults
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: list[Fault] = []
        self.ahead = timedelta(0)
        """How much the server's clock seems to be ahead, in what it says about the times of objects."""
        self.afterwards: Callable[[], object] = lambda: None
        """Done in the middle of a reply that is cut off."""
        self.error_body = "<Error><Code>{code}</Code><Message>injected</Message></Error>"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, target))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    @contextmanager
    def running(self) -> Iterator[FaultProxy]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def reset(self) -> None:
        """Forget what was counted, and spoil nothing any more."""
        self.script = no_faults
        self.requests.clear()
        self.headers.clear()
        self.faults.clear()
        self.ahead = timedelta(0)


def _handler(proxy: FaultProxy, target: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self.upstream = http.client.HTTPConnection("127.0.0.1", target, timeout=30)

        def finish(self) -> None:
            self.upstream.close()
            super().finish()

        def log_message(self, format: str, *args: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, http.client.HTTPException, ValueError):
                self.close_connection = True

        def relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.requests.append((self.command, self.path))
            proxy.headers.append({name.lower(): value for name, value in self.headers.items()})
            fault = proxy.script(self.command, self.path)
            if fault is not None:
                proxy.faults.append(fault)
            if fault in ("301", "400", "403", "429", "500", "503"):
                return self.answer_error(int(fault))
            if fault == "reset":
                return self.break_off()
            if fault == "stalled":
                while self.connection.recv(1):  # until the client gives up
                    pass
                return self.break_off()
            status, headers, content = self.forward(body)
            if fault == "lost reply":
                return self.break_off()
            if fault == "slow":
                time.sleep(0.05)
            if proxy.ahead and self.command == "GET":
                content = _LISTED_TIME.sub(partial(_later_in_xml, proxy.ahead), content)
            self.send_response_only(status)
            for name, value in headers:
                if proxy.ahead and name.lower() == "last-modified":
                    value = format_datetime(parsedate_to_datetime(value) + proxy.ahead, usegmt=True)
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = next((value for name, value in headers if name.lower() == "content-length"), None)
            self.send_header(
                "Content-Length", length if self.command == "HEAD" and length else str(len(content))
            )
            self.end_headers()
            if self.command == "HEAD":
                return None
            if fault == "truncated reply":
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                proxy.afterwards()
                return self.break_off()
            self.wfile.write(content)
            self.wfile.flush()
            return None

        def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    self.upstream.putheader(name, value)
            self.upstream.endheaders(body)
            reply = self.upstream.getresponse()
            return reply.status, reply.getheaders(), reply.read()

        def answer_error(self, status: int) -> None:
            code = {400: "BadRequest", 403: "AccessDenied", 500: "InternalError"}.get(status, "SlowDown")
            content = proxy.error_body.format(code=code).encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            self.wfile.flush()

        def break_off(self) -> None:
            """A reset, not an orderly end."""
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = relay  # noqa: N815

    return Handler
