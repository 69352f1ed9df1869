"""Whether the head of a Ray cluster still answers.

Ray itself waits for a head that is gone, and after a minute ends the process of the run without a word. So
the run looks by itself, and ends in good order before.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

_LOOK_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
_TRIES = 3
_CLIENT_PORT = 10001
# Ray's own patience, and the name of the setting of it.
_RAYS_SECONDS = 60.0
_RAYS_SETTING = "RAY_gcs_rpc_server_reconnect_timeout_s"


class Head:
    """Knocks at the head again and again, in a thread of its own, until it is closed."""

    def __init__(self, address: str, on_gone: Callable[[str, float], None]) -> None:
        """
        Args:
            address: ``host:port``, or ``ray://host`` with or without a port.
            on_gone: is told once why it does not answer, and for how many seconds it has not.
        """
        place = address.removeprefix("ray://")
        host, _, port = place.rpartition(":")
        self._place = (host.strip("[]"), int(port)) if port.isdigit() else (place, _CLIENT_PORT)
        self._on_gone = on_gone
        self.answers = True
        """Whether it did the last time."""
        self.gone = False
        """Whether it has not for too long."""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look, name="ray head", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _look(self) -> None:
        patience, answered, tries = _patience(), time.monotonic(), 0
        while not self._closed.wait(_LOOK_SECONDS):
            began = time.monotonic()
            try:
                socket.create_connection(self._place, _ANSWER_SECONDS).close()
            except OSError as error:
                self.answers = False
                tries += 1  # the run may have been stopped in between
                silent = time.monotonic() - answered
                if silent > patience and tries >= _TRIES and not self._closed.is_set():
                    self.gone = True
                    self._on_gone(error.strerror or str(error), silent)
                    return
            else:
                answered, tries = began, 0
                self.answers = True


def _patience() -> float:
    """Half of Ray's, which a cluster may have set where its head can be started anew."""
    found = _RAYS_SECONDS
    with suppress(ValueError):
        found = float(os.environ.get(_RAYS_SETTING, found))
    return found / 2
