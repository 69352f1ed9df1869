"""Inputs that several models want of the same images: made once."""

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from lightly_assets.models.preprocess import View
from lightly_assets.models.protocol import Image

Made = tuple[NDArray[Any], list[View]]


class SharedInputs:
    """The inputs of models that are pre-processed in the same way, as long as their images are there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()
        self._entries: dict[tuple[str, tuple[int, ...]], _Entry] = {}

    def join(self, user: object, settings: str) -> None:
        """Somebody makes inputs with these settings."""
        with self._lock:
            self._users[user] = settings

    def get(self, settings: str, images: Sequence[Image], make: Callable[[], Made]) -> Made:
        """The input of some images, made by whoever asks first; not to be written to."""
        key = settings, tuple(map(id, images))
        with self._lock:
            if sum(one == settings for one in self._users.values()) < 2:
                entry = None
            elif (entry := self._entries.get(key)) is None:
                entry = self._entries[key] = _Entry()
                # Once an image is gone, its number may become another one's.
                for image in images:
                    weakref.finalize(image, self._entries.pop, key, None).atexit = False
        return make() if entry is None else entry.get(make)


class _Entry:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Made | None = None

    def get(self, make: Callable[[], Made]) -> Made:
        with self._lock:
            if self._made is None:
                self._made = make()
                self._made[0].flags.writeable = False
            return self._made


shared_inputs = SharedInputs()
