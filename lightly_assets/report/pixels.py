"""Pictures of the frames that a report shows, decoded from the input datasource."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightly_assets.checker.expected import InputIndex
from lightly_assets.folders.read import Root
from lightly_assets.format.names.frame_names import parse_frame_name
from lightly_assets.media import MediaError, open_video, read_image
from lightly_assets.storage import Entry, NotFound, StorageError, Store, open_store

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]

WIDTH = 448
# Where there is room for it.
_WIDE, _ROOM = 640, 20_000
_QUALITIES = (72, 60, 48, 36)
_SMALLER = 0.75


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A frame as a small WebP picture, with the size of the frame itself."""

    stem: str
    width: int
    height: int
    data: bytes


class FrameReader:
    """Reads frames of an input datasource, by the paths of their prediction files without ``.json``.

    ``problems`` collects sentences about inputs that cannot be read.
    """

    def __init__(self, input: Root, index: InputIndex) -> None:
        self._store: Store = open_store(input) if isinstance(input, str | Path) else input
        self._index = index
        self.problems: list[str] = []

    def read(self, stems: Iterable[str]) -> Iterator[tuple[str, Pixels]]:
        """The pixels (H, W, 3) of each frame that there is; a video is decoded to the last one."""
        videos: dict[str, dict[int, str]] = {}
        images: list[tuple[str, str]] = []
        for stem in stems:
            if stem in self._index.images:
                images.append((stem, self._index.images[stem]))
            elif (
                frame := parse_frame_name(f"{stem}.json")
            ) is not None and frame.video in self._index.videos:
                videos.setdefault(frame.video, {})[frame.index] = stem
        for stem, key in images:
            yield from self._guarded(key, self._image(stem, key))
        for key, wanted in videos.items():
            yield from self._guarded(key, self._video(key, wanted))

    def _guarded(self, key: str, frames: Iterator[tuple[str, Pixels]]) -> Iterator[tuple[str, Pixels]]:
        try:
            yield from frames
        except (MediaError, StorageError) as error:
            self.problems.append(f"'{key}' cannot be shown: {error}")

    def _image(self, stem: str, key: str) -> Iterator[tuple[str, Pixels]]:
        with self._store.local_file(self._entry(key)) as path:
            yield stem, read_image(path).image

    def _video(self, key: str, wanted: dict[int, str]) -> Iterator[tuple[str, Pixels]]:
        last = max(wanted)
        with (
            self._store.local_file(self._entry(key)) as path,
            open_video(path, on_damage="keep") as stream,
        ):
            for frame in stream:
                if frame.index in wanted:
                    yield wanted[frame.index], frame.image
                if frame.index >= last:
                    return

    def _entry(self, key: str) -> Entry:
        entry = self._store.stat(key)
        if entry is None:
            raise NotFound(f"'{key}' is gone.")
        return entry


def thumbnail(stem: str, pixels: Pixels, most_bytes: int) -> Thumbnail:
    """A frame made small; of lower quality, then smaller, until it has no more bytes than allowed."""
    from PIL import Image

    height, width = pixels.shape[:2]
    wanted = _WIDE if most_bytes >= _ROOM else WIDTH
    step = max(1, width // (2 * wanted))
    picture = Image.fromarray(np.ascontiguousarray(pixels[::step, ::step]))
    share = min(1.0, wanted / width)
    while True:
        size = max(1, round(width * share)), max(1, round(height * share))
        small = picture.resize(size, Image.Resampling.BILINEAR)
        tried = (_webp(small, quality) for quality in _QUALITIES)
        data = next((one for one in tried if len(one) <= most_bytes or size == (1, 1)), None)
        if data is not None:
            return Thumbnail(stem, width, height, data)
        share *= _SMALLER


def _webp(picture: Image, quality: int) -> bytes:
    # Pillow loads all formats that it knows, where the one that is wanted is not there yet.
    from PIL import WebPImagePlugin  # noqa: F401

    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=2)
    return file.getvalue()


def full_picture(pixels: Pixels) -> bytes:
    """A frame in its own size, as a JPEG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=88)
    return file.getvalue()
