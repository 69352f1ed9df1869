"""Exact frames: probe, decode and extract videos, read images.

Everything here agrees on one thing: which frames a video has. That is PyAV's decode order of the first real
video stream, decoded in a child process that may crash, hang or run out of memory without harm to the caller.

Names are loaded when they are first used: the decoder's process needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightly_assets.media.decoding.limits import Limits as Limits
    from lightly_assets.media.decoding.supervised_decode import Frame as Frame
    from lightly_assets.media.errors import DamagedVideo as DamagedVideo
    from lightly_assets.media.errors import MediaError as MediaError
    from lightly_assets.media.extraction import Extraction as Extraction
    from lightly_assets.media.extraction import extract as extract
    from lightly_assets.media.ffmpeg_program import ProgramMissingError as ProgramMissingError
    from lightly_assets.media.images import Picture as Picture
    from lightly_assets.media.images import read_image as read_image
    from lightly_assets.media.info import VideoInfo as VideoInfo
    from lightly_assets.media.probing import probe as probe
    from lightly_assets.media.stream import FrameStream as FrameStream
    from lightly_assets.media.stream import open_video as open_video

_PLACES = {
    "DamagedVideo": "errors",
    "Extraction": "extraction",
    "Frame": "decoding.supervised_decode",
    "FrameStream": "stream",
    "Limits": "decoding.limits",
    "MediaError": "errors",
    "Picture": "images",
    "ProgramMissingError": "ffmpeg_program",
    "VideoInfo": "info",
    "extract": "extraction",
    "open_video": "stream",
    "probe": "probing",
    "read_image": "images",
}

__all__ = [*_PLACES]  # noqa: PLE0604 - names of the table


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'lightly_assets.media' has no attribute '{name}'")
    value = getattr(import_module(f"lightly_assets.media.{place}"), name)
    globals()[name] = value
    return value
