"""The input beside which labels are imported: its keys, the sizes of its images, the frames of its videos."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lightly_assets.format.names.suffixes import input_kind
from lightly_assets.labels.errors import LabelsError
from lightly_assets.storage import Entry, Store, open_store
from lightly_assets.storage.parallel import for_each

if TYPE_CHECKING:
    from lightly_assets.media import VideoInfo

# Bytes that hold the size of most images, embedded previews included.
_HEADER = 1 << 17
_REQUESTS = 16
_ORIENTATION, _WIDTH, _HEIGHT = 0x0112, 0x0100, 0x0101


class ImageSize(NamedTuple):
    """An image's stored pixels, and how it is shown: EXIF orientation 1 to 8."""

    width: int
    height: int
    orientation: int = 1

    @property
    def is_turned(self) -> bool:
        """Whether it is shown with width and height in each other's place."""
        return self.orientation >= 5


class LabelInput:
    """An input datasource, listed once."""

    def __init__(self, root: str | Path | Store) -> None:
        """
        Raises:
            StorageError: the root is out of reach.
        """
        self.store: Store = open_store(root) if isinstance(root, str | Path) else root
        listed = self.store.list(skip=(".lightly/",))
        self.entries: dict[str, Entry] = {one.key: one for one in listed if input_kind(one.key) is not None}
        self._videos: dict[str, VideoInfo] = {}

    @property
    def keys(self) -> list[str]:
        """Images and videos, in the order of the listing."""
        return list(self.entries)

    @property
    def videos(self) -> list[str]:
        """The keys of videos."""
        return [key for key in self.entries if input_kind(key) == "video"]

    def times(self, key: str) -> list[float | None]:
        """When each frame of a video is shown, in seconds; None where the video does not say.

        Raises:
            LabelsError, StorageError: as :meth:`video`.
        """
        from lightly_assets.media import DamagedVideo, open_video  # late: PyAV takes its time

        try:
            with self.store.local_file(self.entries[key]) as path, open_video(path) as stream:
                times = [frame.time for frame in stream]
        except DamagedVideo as error:
            reason = error.info.errors[0] if error.info.errors else "it has no frames"
            raise LabelsError(f"The video '{key}' cannot be decoded to its end: {reason}") from None
        self._videos[key] = stream.info
        return times

    def video(self, key: str) -> VideoInfo:
        """What a video is, found by decoding all of it, once.

        Raises:
            LabelsError: no frame of it can be decoded, or it is damaged.
            StorageError: it cannot be read.
        """
        if key not in self._videos:
            from lightly_assets.media import probe

            with self.store.local_file(self.entries[key]) as path:
                info = probe(path)
            if info.errors or not info.frames:
                reason = info.errors[0] if info.errors else "it has no frames"
                raise LabelsError(f"The video '{key}' cannot be decoded to its end: {reason}")
            self._videos[key] = info
        return self._videos[key]

    def image_sizes(self, keys: Iterable[str]) -> dict[str, ImageSize]:
        """The sizes of images, read from their first bytes.

        Raises:
            LabelsError: one is no image, or damaged at its beginning.
            StorageError: one cannot be read.
        """
        sizes: dict[str, ImageSize] = {}
        wanted = list(keys)
        threads = 1 if self.store.local_root is not None else _REQUESTS

        def measure(key: str) -> None:
            sizes[key] = self._image_size(key)

        for_each(measure, wanted, threads=threads)
        return sizes

    def _image_size(self, key: str) -> ImageSize:
        from PIL.Image import DecompressionBombError  # late: labels of videos do without

        for data in (self.store.read_range(key, 0, _HEADER), None):
            with suppress(OSError, ValueError, SyntaxError, DecompressionBombError):
                return _size_of(self.store.read(key) if data is None else data)
        raise LabelsError(f"The image '{key}' of the input is no image, or its beginning is damaged.")


def _size_of(data: bytes) -> ImageSize:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        orientation = image.getexif().get(_ORIENTATION, 1)
        if image.format == "TIFF":  # Pillow shows these turned, and no others
            tags = image.tag_v2  # type: ignore[attr-defined]
            width, height = tags.get(_WIDTH, width), tags.get(_HEIGHT, height)
    known = isinstance(orientation, int) and 1 <= orientation <= 8
    return ImageSize(width, height, orientation if known else 1)
