"""Frames as PNG files beside the predictions, where the project asks for them (``frames: {export: png}``)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightly_assets.format.names.frame_names import frame_name
from lightly_assets.media import VideoInfo
from lightly_assets.media.export import PngExport
from lightly_assets.models.protocol import Source
from lightly_assets.pipeline.inputs.listing import Input
from lightly_assets.storage import Store

FOLDER = "frames"
"""Where the files lie in the state root, named as the specification names frames."""


class FrameExports:
    """Takes the frames of videos as they are decoded; those of a video appear when all of them are there."""

    def __init__(self, state: Store, folder: Path) -> None:
        self._state = state
        # On disk frames are written where they stay; for object storage they wait in the run's own folder.
        self._out = (state.local_root or folder) / FOLDER
        self._open: dict[str, PngExport] = {}

    def begin(self, one: Input) -> None:
        self._out.mkdir(parents=True, exist_ok=True)
        self._open[one.key] = PngExport(self._out, one.key, one.entry.fingerprint)

    def add(self, source: Source, image: NDArray[np.uint8]) -> None:
        """Raises OSError: a frame could not be written."""
        export = self._open.get(source.input)
        if export is not None and source.index is not None:
            export.add(source.index, image)

    def end(self, key: str, info: VideoInfo | None) -> None:
        """The video is read to its end; without ``info`` it cannot be read, and nothing of it appears."""
        export = self._open.pop(key, None)
        if export is None:
            return None
        with export:
            if info is None:
                return export.discard()
            if export.found is None:
                export.publish(info)
        if self._state.local_root is None:
            for name in exported_names(key, info.frames or 0):
                path = self._out / name.removeprefix(f"{FOLDER}/")
                self._state.upload(name, path)
                path.unlink()
        return None

    def close(self) -> None:
        for export in self._open.values():
            export.close()


def exported_names(key: str, frames: int) -> Iterator[str]:
    """The files of a video, in the state root."""
    return (f"{FOLDER}/{frame_name(key, index, frames)}" for index in range(frames))
