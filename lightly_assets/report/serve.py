"""A report on loopback: its page is small, and frames are decoded when somebody looks at them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from lightly_assets.report.gather import Gathered
from lightly_assets.report.page import page
from lightly_assets.report.pixels import full_picture, thumbnail

_HOST = "127.0.0.1"
_THUMBNAIL_BYTES = 40_000
# Encoded pictures that are kept.
_KEPT = 2000
_LARGE_KEPT = 24


class Pictures:
    """Thumbnails and full pictures of the frames of a report.

    A video is decoded once for all its thumbnails, when the first of them is asked for.
    """

    def __init__(self, gathered: Gathered) -> None:
        self._stems = gathered.stems
        self._reader = gathered.reader
        self._videos = [frame["video"] for frame in gathered.frames]
        self._small: OrderedDict[int, bytes] = OrderedDict()
        self._large: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def small(self, place: int) -> bytes | None:
        """A thumbnail as WebP; None where there is no such frame."""
        with self._lock:
            if place not in self._small and self._reader is not None:
                self._decode_video(place)
            return self._small.get(place)

    def large(self, place: int) -> bytes | None:
        """A frame in its own size as JPEG."""
        with self._lock:
            if place not in self._large and self._reader is not None:
                for _, pixels in self._reader.read([self._stems[place]]):
                    _keep(self._large, place, full_picture(pixels), _LARGE_KEPT)
            return self._large.get(place)

    def _decode_video(self, place: int) -> None:
        assert self._reader is not None
        wanted = {
            self._stems[other]: other
            for other, video in enumerate(self._videos)
            if video == self._videos[place] and (other == place or not video.endswith("/"))
        }
        for stem, pixels in self._reader.read(wanted):
            small = thumbnail(stem, pixels, _THUMBNAIL_BYTES).data
            _keep(self._small, wanted[stem], small, max(_KEPT, len(self._stems)))

    def __len__(self) -> int:
        return len(self._stems)


def _keep(kept: OrderedDict[int, bytes], place: int, data: bytes, most: int) -> None:
    kept[place] = data
    while len(kept) > most:
        kept.popitem(last=False)


def make_server(gathered: Gathered, port: int = 0) -> ThreadingHTTPServer:
    """A server on loopback that has not started yet; ``server_address`` says where."""
    content, pictures = page(gathered, served=True), Pictures(gathered)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            # Pages of other sites that have their names resolved to this machine get nothing.
            host = (self.headers.get("Host") or "").rpartition(":")[0]
            if host not in (_HOST, "localhost"):
                self._send(HTTPStatus.FORBIDDEN, "text/plain", b"Only by 127.0.0.1.")
                return
            path = urlsplit(self.path).path
            kind, _, place = path.strip("/").partition("/")
            if path == "/":
                self._send(HTTPStatus.OK, "text/html; charset=utf-8", content)
            elif kind in ("thumbnail", "frame") and place.isascii() and place.isdigit():
                self._send_picture(kind, int(place))
            else:
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such page.")

        def _send_picture(self, kind: str, place: int) -> None:
            known = place < len(pictures)
            data = (
                (pictures.small(place) if kind == "thumbnail" else pictures.large(place)) if known else None
            )
            if data is None:
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such frame.")
            else:
                self._send(HTTPStatus.OK, "image/webp" if kind == "thumbnail" else "image/jpeg", data)

        def _send(self, status: HTTPStatus, kind: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            with suppress(ConnectionError):  # a browser that has left wants no picture any more
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody needs a line for each picture."""

    return ThreadingHTTPServer((_HOST, port), Handler)


def serve_report(gathered: Gathered, port: int, tell: Callable[[str], None]) -> None:
    """Serves until interrupted.

    Raises:
        ReportError: the port is taken.
    """
    from lightly_assets.report.gather import ReportError

    try:
        server = make_server(gathered, port)
    except OSError as error:
        raise ReportError(f"Port {port} on {_HOST} cannot be used: {error.strerror}.") from None
    tell(f"http://{_HOST}:{server.server_address[1]}/")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
