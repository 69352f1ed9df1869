"""Exact frames: probe, decode and extract videos, read images.

Everything here agrees on one thing: which frames a video has. That is PyAV's decode order of the first real
video stream, decoded in a child process that may crash, hang or run out of memory without harm to the caller.
"""

from lightly_assets.media.decoding.limits import Limits
from lightly_assets.media.decoding.supervised_decode import Frame
from lightly_assets.media.errors import DamagedVideo, MediaError
from lightly_assets.media.extract import Extraction, extract
from lightly_assets.media.ffmpeg_program import ProgramMissingError
from lightly_assets.media.images import Picture, read_image
from lightly_assets.media.info import VideoInfo
from lightly_assets.media.probe import probe
from lightly_assets.media.stream import FrameStream, open_video

__all__ = [
    "DamagedVideo",
    "Extraction",
    "Frame",
    "FrameStream",
    "Limits",
    "MediaError",
    "Picture",
    "ProgramMissingError",
    "VideoInfo",
    "extract",
    "open_video",
    "probe",
    "read_image",
]
