"""Small messages between a process and its decoder: JSON over a socket pair, never pickles.

The decoder reads untrusted files, so nothing that it sends may be able to run code here.
"""

import json
import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct("<I")
_MAX_BYTES = 1 << 20

Message = dict[str, Any]


class ChannelClosedError(Exception):
    """The other side is gone."""


class Channel:
    """One end of the conversation. Reading and writing may happen in different threads, each in only one."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._buffer = bytearray()
        self._fds: list[int] = []

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Sends one message, and duplicates of the file descriptors with it.

        Raises:
            ChannelClosedError: the other side is gone.
        """
        body = json.dumps(message).encode()
        data = _LENGTH.pack(len(body)) + body
        try:
            if fds:
                sent = socket.send_fds(self._socket, [data], list(fds))
                data = data[sent:]
            self._socket.sendall(data)
        except OSError as error:
            raise ChannelClosedError from error

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message; None where ``timeout`` seconds pass without one.

        Raises:
            ChannelClosedError: the other side is gone, or does not speak the protocol.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (message := self._take()) is None:
            if deadline is not None:
                remaining = deadline - time.monotonic()
                if not self._readable.poll(max(0.0, remaining) * 1000):
                    return None
            self._read()
        return message

    def take_fd(self) -> int:
        """The file descriptor that came with the last message."""
        return self._fds.pop(0)

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._socket, 1 << 16, 1)
        except OSError as error:
            raise ChannelClosedError from error
        self._fds += fds
        if not data:
            raise ChannelClosedError
        self._buffer += data

    def _take(self) -> Message | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > _MAX_BYTES:
            raise ChannelClosedError
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        try:
            message = json.loads(body)
        except ValueError as error:
            raise ChannelClosedError from error
        if not isinstance(message, dict):
            raise ChannelClosedError
        return message
